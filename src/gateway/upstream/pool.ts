import { Connection, type UpstreamHandler, type UpstreamRequest } from './connection.ts';

/** Sends requests to one worker. */
export type Upstream = {
  dispatch(request: UpstreamRequest, handler: UpstreamHandler): void;
  /** Resolves when all answers have ended and nothing is open any more. */
  close(): Promise<void>;
};

/**
 * How long an idle connection is kept, looked at every second: less than the 5 s after which uvicorn, and so vLLM, closes a silent
 * one without having said so, because a request must not meet the close.
 */
const idleMs = 3_000;
const sweepMs = 1_000;

/**
 * The connections to one worker: the one that was used last is used next, and there are as many as there are requests at once,
 * because slots bound those. Time limits are for whoever waits to keep.
 */
export class ConnectionPool implements Upstream {
  private readonly host: string;
  private readonly port: number;
  private readonly authority: string;
  private readonly open = new Set<Connection>();
  /** In the order in which they became idle. */
  private readonly idle: Connection[] = [];
  private readonly now: () => number;
  private sweep: NodeJS.Timeout | undefined;
  private closed: PromiseWithResolvers<void> | undefined;

  /** `origin` as in a URL: `http://10.0.0.7:8000`. */
  constructor(origin: string, now: () => number = Date.now) {
    const { hostname, port, host } = new URL(origin);
    this.host = hostname.replace(/^\[|\]$/g, '');
    this.port = Number(port || 80);
    this.authority = host;
    this.now = now;
  }

  dispatch(request: UpstreamRequest, handler: UpstreamHandler): void {
    const connection = this.closed ? undefined : this.idle.pop();
    if (connection) connection.send(request, handler);
    else if (this.closed) queueMicrotask(() => handler.onResponseError(new Error('the worker gets no more requests')));
    else this.connect(request, handler);
  }

  close(): Promise<void> {
    this.closed ??= Promise.withResolvers<void>();
    clearInterval(this.sweep);
    for (const connection of this.idle.splice(0)) connection.close();
    if (this.open.size === 0) this.closed.resolve();
    return this.closed.promise;
  }

  private connect(request: UpstreamRequest, handler: UpstreamHandler): void {
    const { host, port, authority } = this;
    const hooks = {
      onIdle: (connection: Connection) => this.keep(connection),
      onClosed: (connection: Connection) => this.forget(connection),
    };
    this.open.add(new Connection({ host, port, authority, ...hooks }, request, handler));
  }

  private keep(connection: Connection): void {
    if (this.closed) {
      connection.close();
      return;
    }
    connection.idleSince = this.now();
    this.idle.push(connection);
    this.sweep ??= setInterval(() => this.closeIdle(), sweepMs).unref();
  }

  private forget(connection: Connection): void {
    this.open.delete(connection);
    const index = this.idle.indexOf(connection);
    if (index >= 0) this.idle.splice(index, 1);
    if (this.open.size === 0) this.closed?.resolve();
  }

  private closeIdle(): void {
    const fresh = this.idle.findIndex(({ idleSince }) => this.now() - idleSince < idleMs);
    for (const connection of this.idle.splice(0, fresh < 0 ? this.idle.length : fresh)) connection.close();
    if (this.idle.length > 0) return;
    clearInterval(this.sweep);
    this.sweep = undefined;
  }
}
