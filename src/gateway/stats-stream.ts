import type { IncomingMessage, ServerResponse } from 'node:http';
import { type GatewayStats, type RequestCounts, statsHeartbeatMs } from '../api/gateway-stats.ts';
import { contractVersion } from '../core/agent-contract.ts';
import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/logger.ts';
import type { TokenFile } from '../core/token-file.ts';
import type { Models } from './models.ts';
import { type Counts, changesOf, countRequests } from './stats.ts';

/** How often the lines are counted: changes within this time are one change. */
const tickMs = 250;
/** How long a reader may leave unread what was sent. */
const patienceMs = 5_000;
/** How often it is looked whether a reader's token is still one. */
const recheckMs = 10_000;

type Reader = { readonly response: ServerResponse; readonly token: string; behindSince: number | undefined };

export type StatsStreamOptions = {
  readonly models: Pick<Models, 'all'>;
  /** Who may read. */
  readonly tokens: Pick<TokenFile, 'accepts'>;
  /** What this gateway calls itself, for people. */
  readonly gateway: string;
  readonly clock: Clock;
  readonly logger: Logger;
};

/**
 * Tells how many requests of each deployment are at this gateway, as a stream of lines to whoever has the token: all of them at
 * first, then what changed. Counts only while somebody reads.
 */
export class StatsStream {
  private readonly options: StatsStreamOptions;
  private readonly readers = new Set<Reader>();
  private readonly stop = new AbortController();
  private counts: Counts = new Map();
  /** What the readers know, who have read everything. */
  private readonly told = new Map<string, RequestCounts>();
  private toldAt = 0;
  private measuredAt = 0;
  private checkedAt = 0;
  private running = false;

  constructor(options: StatsStreamOptions) {
    this.options = options;
  }

  /** Answers a request with the stream, or with why not. */
  readonly answer = (request: IncomingMessage, response: ServerResponse): void => {
    this.admit(request, response).catch((error: unknown) => {
      this.options.logger.error({ err: error }, 'a reader of the stats cannot be judged');
      refuse(response, 500, 'the tokens of this gateway cannot be read');
    });
  };

  /** Ends every stream. */
  close(): void {
    this.stop.abort();
    for (const { response } of this.readers) response.destroy();
  }

  private async admit(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const token = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
    if (token === undefined || !(await this.options.tokens.accepts(token))) {
      refuse(response.setHeader('www-authenticate', 'Bearer'), 401, 'give a token of the file that this gateway was started with');
      return;
    }
    if (response.destroyed || this.stop.signal.aborted) return;
    response.writeHead(200, { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' });
    if (request.method === 'HEAD') response.end();
    else this.add({ response, token, behindSince: undefined });
  }

  private add(reader: Reader): void {
    const { response } = reader;
    response.on('close', () => this.readers.delete(reader));
    response.on('error', () => response.destroy());
    this.tick(); // so that what the others know is as new as what this one gets
    this.readers.add(reader);
    response.write(this.line(true, this.counts));
    if (this.running) return;
    this.run().catch((error: unknown) => {
      this.options.logger.error({ err: error }, 'requests cannot be counted');
      for (const each of this.readers) each.response.destroy();
    });
  }

  /** Ends with the last reader. */
  private async run(): Promise<void> {
    const { clock, logger } = this.options;
    const { signal } = this.stop;
    this.running = true;
    this.checkedAt = clock.now();
    try {
      while (this.readers.size > 0) {
        await clock.sleep(tickMs, signal).catch(() => {}); // aborted: seen at once
        if (signal.aborted) return;
        this.tick();
        if (clock.now() - this.checkedAt >= recheckMs)
          await this.recheck().catch((error: unknown) => logger.error({ err: error }, 'the readers of the stats stay unchecked'));
      }
    } finally {
      this.running = false;
    }
  }

  private tick(): void {
    const now = this.options.clock.now();
    // Not later than a heartbeat after the last one, also when the next tick comes a little late.
    const isDue = (last: number) => now - last + 2 * tickMs > statsHeartbeatMs;
    const alsoMeasures = isDue(this.measuredAt);
    if (alsoMeasures) this.measuredAt = now;
    this.counts = countRequests(this.options.models.all());
    const changes = changesOf(this.told, this.counts, alsoMeasures);
    if (changes.size === 0 && !isDue(this.toldAt)) return;
    this.toldAt = now;
    for (const [model, counts] of changes) {
      if (this.counts.has(model)) this.told.set(model, counts);
      else this.told.delete(model);
    }
    const line = this.line(false, changes);
    for (const reader of this.readers) this.send(reader, line, now);
  }

  /** A reader that does not read gets nothing more; once it does it gets everything anew, and when it does not it is cut off. */
  private send(reader: Reader, line: string, now: number): void {
    const { response, behindSince } = reader;
    if (response.writableLength === 0) {
      response.write(behindSince === undefined ? line : this.line(true, this.counts));
      reader.behindSince = undefined;
    } else if (behindSince === undefined) reader.behindSince = now;
    else if (now - behindSince >= patienceMs) this.cut(reader, 'it does not read');
  }

  private async recheck(): Promise<void> {
    this.checkedAt = this.options.clock.now();
    for (const reader of this.readers) {
      if (!(await this.options.tokens.accepts(reader.token))) this.cut(reader, 'its token is no longer one');
    }
  }

  private cut({ response }: Reader, why: string): void {
    this.options.logger.warn({ reader: response.socket?.remoteAddress, why }, 'a reader of the stats is cut off');
    response.destroy();
  }

  private line(full: boolean, counts: Counts): string {
    const { clock, gateway } = this.options;
    const at = new Date(clock.now()).toISOString();
    const stats: GatewayStats = { contract: contractVersion, gateway, at, full, models: Object.fromEntries(counts) };
    return `${JSON.stringify(stats)}\n`;
  }
}

function refuse(response: ServerResponse, status: number, text: string): void {
  if (response.headersSent) response.destroy();
  else response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(`${text}\n`);
}
