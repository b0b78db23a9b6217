import { type Logger, pino } from 'pino';

export type { Logger };

/** A structured logger on stderr, so that stdout stays free for what a command prints. Never log keys, tokens or prompts. */
export function createLogger(name: string, level = process.env.MODELFLEET_LOG_LEVEL ?? 'info'): Logger {
  return pino({ name, level, base: { name }, timestamp: pino.stdTimeFunctions.isoTime }, pino.destination({ fd: 2, sync: true }));
}

/** Drops everything: the default where a caller does not care. */
export const silentLogger: Logger = pino({ level: 'silent' });
