import { type Logger, pino } from 'pino';

export type { Logger };

export type LoggerOptions = {
  /** trace, debug, info, warn, error, fatal or silent; MODELFLEET_LOG_LEVEL or info unless told. */
  readonly level?: string;
  /** Where to write instead of stderr. */
  readonly file?: string;
};

/** A structured logger on stderr, so that stdout stays free for what a command prints. Never log keys, tokens or prompts. */
export function createLogger(name: string, options: LoggerOptions = {}): Logger {
  const level = options.level ?? process.env.MODELFLEET_LOG_LEVEL ?? 'info';
  const destination = pino.destination({ dest: options.file ?? 2, sync: true, mkdir: true });
  // Nothing can be logged about a log that cannot be written, such as on a full disk; the program goes on.
  destination.on('error', () => {});
  return pino({ level, base: { name }, timestamp: pino.stdTimeFunctions.isoTime }, destination);
}

/** Drops everything: the default where a caller does not care. */
export const silentLogger: Logger = pino({ level: 'silent' });
