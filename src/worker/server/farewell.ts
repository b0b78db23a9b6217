import type { Server, ServerResponse } from 'node:http';
import { Server as NetServer } from 'node:net';
import type { Clock } from '../../core/clock.ts';
import { Connections } from '../../core/connections.ts';

/** Time for answers that were cut off to reach their callers. */
const lastWordsMs = 1_000;

/**
 * How the serving port ends so that no caller sees a failure. A gateway hears of the end a moment later than the worker does, and
 * may send a request at any moment on a connection that it has kept. So connections are not cut when the drain begins:
 * 1. what runs and what waits is finished, what comes is refused with an answer that says so and closes its connection;
 * 2. the listener and idle connections stay for `lingerMs` from the beginning of the drain, unless no connection is left.
 */
export class Farewell {
  private readonly server: Server;
  private readonly clock: Clock;
  private readonly connections: Connections<ServerResponse>;
  private readonly onAnswered = new Set<() => void>();
  private since: number | undefined;

  constructor(server: Server, clock: Clock) {
    this.server = server;
    this.clock = clock;
    this.connections = new Connections(server, false, () => clock.now());
    // Before the handler: it may answer at once.
    server.prependListener('request', ({ socket }, response: ServerResponse) => {
      this.connections.began(socket, response);
      if (this.begun) response.shouldKeepAlive = false;
      response.once('close', () => {
        this.connections.ended(socket, response, clock.now());
        if (this.connections.runningCount === 0) for (const done of this.onAnswered) done();
      });
    });
  }

  /** Whether it has begun. */
  get begun(): boolean {
    return this.since !== undefined;
  }

  /** From now on every answer closes its connection. */
  begin(): void {
    this.since ??= this.clock.now();
    for (const response of this.connections.running()) if (!response.headersSent) response.shouldKeepAlive = false;
  }

  /** Resolves when every answer has been handed to its caller, or when `signal` aborts. */
  answered(signal: AbortSignal): Promise<void> {
    if (this.connections.runningCount === 0 || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        this.onAnswered.delete(done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      this.onAnswered.add(done);
      signal.addEventListener('abort', done, { once: true });
    });
  }

  /** Closes the port, once callers had `lingerMs` from the beginning to hear of it. What still runs gets a moment for its last words. */
  async close(lingerMs: number): Promise<void> {
    const leftMs = (this.since ?? 0) + lingerMs - this.clock.now();
    if (leftMs > 0) await this.within(leftMs, (signal) => this.connections.none(signal));
    // Unlike http's own close, which cuts idle connections at once, whatever is on the way to them.
    const closed = new Promise<void>((resolve) => NetServer.prototype.close.call(this.server, () => resolve()));
    // After the sockets have been read: a request that has arrived already is still told.
    await new Promise(setImmediate);
    this.connections.closeIdleSince(this.clock.now());
    await this.within(lastWordsMs, (signal) => this.connections.none(signal));
    this.connections.destroy();
    await closed;
  }

  private async within(ms: number, wait: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const over = new AbortController();
    const timer = this.clock.sleep(ms, over.signal).then(
      () => over.abort(),
      () => undefined, // it ended in time
    );
    await wait(over.signal);
    over.abort();
    await timer;
  }
}
