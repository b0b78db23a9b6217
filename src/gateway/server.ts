import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { errors, HttpError } from '../core/errors.ts';
import { sendError } from './answers.ts';
import { CallerGone, Exchange } from './exchange.ts';
import { givenRequestId } from './headers.ts';
import { listenOn } from './listen.ts';
import { runStages, type Services } from './pipeline.ts';
import { stagesFor } from './routes.ts';
import { after } from './timers.ts';

/** Time limits of what callers send, in milliseconds. */
export type ReceiveLimits = {
  /** Until the headers are complete. */
  readonly headersTimeoutMs: number;
  /** Until the whole request has been received. */
  readonly receiveTimeoutMs: number;
};

/** How long a caller may go on sending a body that was refused: closing at once would reset the connection before the answer is read. */
const lingerMs = 5_000;

/** Time for answers that were cut off at the end of the grace to reach their callers. */
const lastWordsMs = 1_000;

/** The HTTP server in front of the stages: makes exchanges of requests, and errors of what stages throw. */
export class DataPlane {
  private readonly server: Server;
  private readonly services: Services;
  private readonly active = new Set<Exchange>();
  private readonly lastOf = new WeakMap<Duplex, Exchange>();
  private idle: (() => void) | undefined;

  constructor(services: Services, limits: ReceiveLimits) {
    this.services = services;
    this.server = createServer({
      headersTimeout: limits.headersTimeoutMs,
      requestTimeout: limits.receiveTimeoutMs,
      connectionsCheckingInterval: 1_000,
      keepAliveTimeout: 75_000,
      maxHeaderSize: 16_384,
      insecureHTTPParser: false,
      noDelay: true,
    });
    this.server.on('request', (request, response) => this.handle(request, response));
    this.server.on('clientError', (error, socket) => this.refuseBroken(error, socket));
  }

  /** Resolves with the port when it listens; rejects when the address is taken. */
  listen(host: string, port: number): Promise<number> {
    return listenOn(this.server, host, port, this.services.logger);
  }

  /** Stops accepting, lets running exchanges end for `drainMs` at most, then cuts off the rest. */
  async close(drainMs: number): Promise<void> {
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    for (const { response } of this.active) if (!response.headersSent) response.shouldKeepAlive = false;
    if (!(await this.idleWithin(drainMs))) {
      for (const exchange of this.active) exchange.cut('closing');
      await this.idleWithin(lastWordsMs);
    }
    this.server.closeAllConnections();
    await closed;
  }

  private handle(request: IncomingMessage, response: ServerResponse): void {
    const { services, active } = this;
    const path = pathOf(request.url ?? '/');
    const id = givenRequestId(request.headers) ?? randomUUID();
    const exchange = new Exchange(id, path, request, response, services.clock.now());
    active.add(exchange);
    this.lastOf.set(request.socket, exchange);
    response.on('close', () => this.ended(exchange));
    response.on('error', () => exchange.cut('gone'));
    if (services.closing()) response.shouldKeepAlive = false;

    const stages = stagesFor(request.method ?? '', path, services.closing());
    runStages(stages, exchange, services).catch((error: unknown) => this.refuse(exchange, error));
  }

  private refuse(exchange: Exchange, error: unknown): void {
    if (exchange.gone || error instanceof CallerGone) return;
    if (!(error instanceof HttpError)) this.services.logger.error({ requestId: exchange.id, err: error }, 'a stage failed');
    sendError(exchange, error instanceof HttpError ? error : errors.internal().withCause(error));
    if (!exchange.request.complete) linger(exchange.request);
  }

  private ended(exchange: Exchange): void {
    if (!exchange.response.writableFinished) exchange.cut('gone');
    if (exchange.outcome === 0) exchange.outcome = 499;
    exchange.end();
    this.active.delete(exchange);
    if (!this.services.closing()) return;
    setImmediate(() => this.server.closeIdleConnections());
    if (this.active.size === 0) this.idle?.();
  }

  /** Whether everything ends within `ms`. */
  private idleWithin(ms: number): Promise<boolean> {
    if (this.active.size === 0) return Promise.resolve(true);
    return new Promise((resolve) => {
      const timer = after(ms, () => resolve(false));
      this.idle = () => {
        clearTimeout(timer);
        resolve(true);
      };
    });
  }

  /** Answers what is not HTTP, too large or too slow, while an answer can still be told from one that has begun. */
  private refuseBroken(cause: NodeJS.ErrnoException, socket: Duplex): void {
    const exchange = this.lastOf.get(socket);
    const running = exchange && !exchange.response.writableFinished;
    // Without a socket of its own, the response waits behind an earlier one that uses the connection.
    if (!socket.writable || (running && (exchange.response.headersSent || !exchange.response.socket))) {
      socket.destroy(cause);
      return;
    }
    const error = brokenRequest(cause);
    if (running) exchange.outcome = error.status;
    const body = JSON.stringify(error);
    const head = [
      `HTTP/1.1 ${error.status} ${STATUS_CODES[error.status] ?? ''}`,
      'content-type: application/json',
      `content-length: ${Buffer.byteLength(body)}`,
      'connection: close',
    ];
    socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
  }
}

function pathOf(url: string): string {
  const query = url.indexOf('?');
  return query < 0 ? url : url.slice(0, query);
}

function brokenRequest(cause: NodeJS.ErrnoException): HttpError {
  if (cause.code === 'ERR_HTTP_REQUEST_TIMEOUT') return errors.bodyTimeout();
  if (cause.code === 'HPE_HEADER_OVERFLOW') return errors.headersTooLarge();
  return errors.invalidRequest('The request is not valid HTTP/1.1.');
}

/** Throws away the rest of a refused body, so that the caller gets to read the answer. */
function linger(request: IncomingMessage): void {
  const socket: Socket = request.socket;
  const timer = after(lingerMs, () => socket.destroy());
  request.once('close', () => clearTimeout(timer));
  request.resume();
}
