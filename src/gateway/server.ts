import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerOptions, type ServerResponse, STATUS_CODES } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import { Server as NetServer, type Socket } from 'node:net';
import { Connections } from '../core/connections.ts';
import { errors, HttpError } from '../core/errors.ts';
import { type ListenAddress, listenOn } from '../core/listen.ts';
import { sendError } from './answers.ts';
import { isPreflight } from './cors.ts';
import { CallerGone, Exchange } from './exchange.ts';
import { givenRequestId } from './headers.ts';
import { runStages, type Services } from './pipeline.ts';
import type { Proxies } from './proxy-protocol/proxies.ts';
import { stagesFor } from './routes.ts';
import { preflight } from './stages/preflight.ts';
import { after } from './timers.ts';
import { givenTrace } from './trace.ts';
import { watchUnread } from './unread.ts';

/** Time limits of what callers send and take, in milliseconds. */
export type ReceiveLimits = {
  /** Until the headers are complete. */
  readonly headersTimeoutMs: number;
  /** Until the whole request has been received. */
  readonly receiveTimeoutMs: number;
  /** Without taking anything of an answer that lies ready. */
  readonly unreadTimeoutMs: number;
};

/** How long a caller may go on sending a body that was refused: closing at once would reset the connection before the answer is read. */
const lingerMs = 5_000;

/** How the gateway ends, in milliseconds. */
export type CloseOptions = {
  /** How long running answers may go on; none unless told. */
  readonly drainMs?: number | undefined;
  /**
   * How long new connections are accepted still, and how long a connection must have been idle before it is closed; 0 unless
   * told, `drainMs` at most.
   */
  readonly graceMs?: number | undefined;
};

/** A server's certificate with its chain, and its key: PEM. */
export type ServerIdentity = { readonly cert: Buffer; readonly key: Buffer };

/** How often idle connections are looked for at the end. */
const sweepMs = 100;

/** Time for answers that were cut off at the end of the grace to reach their callers. */
const lastWordsMs = 1_000;

/** The HTTP server in front of the stages: makes exchanges of requests, and errors of what stages throw. */
export class DataPlane {
  private readonly server: Server;
  private readonly tlsServer: TlsServer | undefined;
  private readonly connections: Connections<Exchange>;
  private readonly services: Services;
  private readonly proxies: Proxies | undefined;
  private readonly unread: NodeJS.Timeout;
  private idle: (() => void) | undefined;
  private leaving = false;
  private cutting = false;

  /** Speaks TLS when it has an identity, and serves callers of these proxies alone when there are any. */
  constructor(services: Services, limits: ReceiveLimits, identity?: ServerIdentity, proxies?: Proxies) {
    this.services = services;
    this.proxies = proxies;
    const options: ServerOptions = {
      headersTimeout: limits.headersTimeoutMs,
      requestTimeout: limits.receiveTimeoutMs,
      connectionsCheckingInterval: 1_000,
      keepAliveTimeout: 75_000,
      maxHeaderSize: 16_384,
      insecureHTTPParser: false,
      // Two keys become one that nobody has; Node would take the first, and others who read the request maybe the second.
      joinDuplicateHeaders: true,
      noDelay: true,
      // A caller whose machine or network is gone says nothing more: his kernel is asked whether he is there.
      keepAlive: true,
      keepAliveInitialDelay: 30_000,
    };
    this.tlsServer = identity && createTlsServer({ ...options, ...tlsOptions(identity), handshakeTimeout: limits.headersTimeoutMs });
    this.server = this.tlsServer ?? createServer(options);
    this.connections = new Connections(this.server, identity !== undefined, () => services.clock.now());
    proxies?.standBefore(this.server);
    const handle = (request: IncomingMessage, response: ServerResponse) => this.handle(request, response);
    // Who waits for a word before he sends a body gets it from the stage that reads it, or hears why nobody does.
    this.server.on('request', handle).on('checkContinue', handle).on('checkExpectation', handle);
    this.unread = watchUnread(this.server, () => this.connections.inUse(), limits.unreadTimeoutMs);
    this.server.on('clientError', (error, socket) => this.refuseBroken(error, socket as Socket));
  }

  /** Resolves with the port when it listens; rejects when the address is taken. */
  listen(address: ListenAddress): Promise<number> {
    return listenOn(this.server, address, this.services.logger);
  }

  /** Shows this certificate from the next connection on. */
  setIdentity(identity: ServerIdentity): void {
    this.tlsServer?.setSecureContext(tlsOptions(identity));
  }

  /**
   * Ends so that no caller sees a failure. A caller with an open connection may send a request at any moment, and HTTP/1.1 has but
   * one way to tell it not to: `connection: close` in an answer. So, from the first moment on:
   * 1. every request is served as ever, and its answer closes the connection; probes say that the gateway is not ready;
   * 2. for `graceMs` new connections are accepted, because who sends them here hears of the end a moment later;
   * 3. then the listener closes, and so does each connection that has been idle for `graceMs`: its caller has had its chance
   *    to be told, and hardly sends a request in the very moment of the close. One that a long stream kept busy gets its
   *    chance after the stream;
   * 4. what still runs after `drainMs` is cut off with an error that says why.
   * In a Kubernetes pod a preStop sleep comes first, so that the Service sends no new connections when this begins.
   * Resolves when every connection is closed.
   */
  async close({ drainMs = 0, graceMs = 0 }: CloseOptions = {}): Promise<void> {
    const { clock } = this.services;
    const patienceMs = Math.min(graceMs, drainMs);
    const startedAt = clock.now();
    this.leaving = true;
    for (const { response } of this.connections.running()) if (!response.headersSent) response.shouldKeepAlive = false;
    const closed = Promise.withResolvers<boolean>();
    const deadline = after(drainMs, () => closed.resolve(false));
    const closeListener = after(patienceMs, () => this.closeListener(() => closed.resolve(true)));
    const sweep = setInterval(() => {
      const idleSince = clock.now() - patienceMs;
      // After the sockets have been read: a request that has arrived already is not idleness.
      if (idleSince >= startedAt) setImmediate(() => this.connections.closeIdleSince(idleSince));
    }, sweepMs);
    const inTime = await closed.promise;
    if (!inTime) await this.cutOff();
    for (const timer of [deadline, closeListener, sweep, this.unread]) clearTimeout(timer);
    const ended = new Promise<void>((resolve) => this.server.close(() => resolve()));
    this.connections.destroy();
    this.proxies?.destroy();
    await ended;
  }

  /** Unlike http's own close, which cuts idle connections at once, whatever is on the way to them. */
  private closeListener(onClosed: () => void): void {
    NetServer.prototype.close.call(this.server, onClosed);
  }

  private async cutOff(): Promise<void> {
    this.cutting = true;
    for (const exchange of [...this.connections.running()]) exchange.cut('closing');
    await this.idleWithin(lastWordsMs);
  }

  private handle(request: IncomingMessage, response: ServerResponse): void {
    const { services } = this;
    const path = pathOf(request.url ?? '/');
    const id = givenRequestId(request.headers) ?? randomUUID();
    const exchange = new Exchange(id, path, request, response, services.clock.now());
    this.connections.began(request.socket, exchange);
    response.on('close', () => this.ended(exchange));
    response.on('error', () => exchange.cut('gone'));
    if (this.leaving) response.shouldKeepAlive = false;
    exchange.from = this.proxies?.callerOf(request.socket);

    exchange.trace = givenTrace(request.headers.traceparent);
    if (exchange.trace !== undefined) exchange.answerHeaders.push('traceparent', exchange.trace);
    const { cors } = services;
    if (cors) exchange.answerHeaders.push(...cors.headersFor(request.headers.origin));

    const stages = cors && isPreflight(request) ? [preflight] : stagesFor(request.method ?? '', path, this.cutting);
    runStages(stages, exchange, services, (error) => this.refuse(exchange, error));
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
    const now = this.services.clock.now();
    exchange.end(now);
    this.connections.ended(exchange.request.socket, exchange, now);
    if (this.connections.runningCount === 0) this.idle?.();
  }

  /** Whether everything ends within `ms`. */
  private idleWithin(ms: number): Promise<boolean> {
    if (this.connections.runningCount === 0) return Promise.resolve(true);
    return new Promise((resolve) => {
      const timer = after(ms, () => resolve(false));
      this.idle = () => {
        clearTimeout(timer);
        resolve(true);
      };
    });
  }

  /** Answers what is not HTTP, too large or too slow, while an answer can still be told from one that has begun. */
  private refuseBroken(cause: NodeJS.ErrnoException, socket: Socket): void {
    if (!this.connections.has(socket)) {
      socket.destroy(); // it never came to HTTP: the TLS handshake failed
      return;
    }
    const exchange = this.connections.lastOn(socket);
    const running = exchange && !exchange.response.writableFinished;
    // Who closes his side within a request has left. Without a socket of its own, the response waits behind an earlier one that uses the connection.
    if (
      !socket.writable ||
      cause.code === 'HPE_INVALID_EOF_STATE' ||
      (running && (exchange.response.headersSent || !exchange.response.socket))
    ) {
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

function tlsOptions({ cert, key }: ServerIdentity) {
  return { cert, key, minVersion: 'TLSv1.2' } as const;
}

const slash = 0x2f;

/** A server takes also the form that proxies are asked in (RFC 9112 section 3.2.2), whatever host it names. */
function pathOf(url: string): string {
  const target = url.charCodeAt(0) === slash ? url : url.replace(/^https?:\/\/[^/?#]+/i, '');
  const query = target.indexOf('?');
  return query < 0 ? target : target.slice(0, query);
}

function brokenRequest(cause: NodeJS.ErrnoException): HttpError {
  if (cause.code === 'ERR_HTTP_REQUEST_TIMEOUT') return errors.bodyTimeout();
  if (cause.code === 'HPE_HEADER_OVERFLOW') return errors.headersTooLarge();
  return errors.invalidRequest('The request is not valid HTTP/1.1.');
}

/** Throws away the rest of a refused body, so that the caller gets to read the answer, also one that closes the connection. */
function linger(request: IncomingMessage): void {
  const socket: Socket = request.socket;
  let ended = false;
  // What Node calls behind an answer with `connection: close`: it would stop reading too, and whatever still comes reset the connection.
  socket.destroySoon = () => {
    ended = true;
    socket.end();
  };
  const timer = after(lingerMs, () => socket.destroy());
  request.once('close', () => {
    clearTimeout(timer);
    Reflect.deleteProperty(socket, 'destroySoon');
    if (ended) socket.destroy();
  });
  request.resume();
}
