import { connect, type Socket } from 'node:net';
import { AnswerReader, type AnswerSink } from './answer-reader.ts';

/** A request to a worker. `headers` are names and values in turn, one character a byte and no line ends in them; its length and the host are added. */
export type UpstreamRequest = { readonly path: string; readonly headers: readonly string[]; readonly body: Buffer };

/** What hears of a request: that it begins, its answer, and then that this has ended or why not. Nothing follows an abort. */
export type UpstreamHandler = AnswerSink & {
  /** It goes out now; before that the worker can have done nothing for it. */
  onRequestStart(connection: Connection): void;
  onResponseEnd(): void;
  onResponseError(cause: Error): void;
};

/** Where a connection goes to, and what hears of it. */
export type ConnectionOptions = {
  readonly host: string;
  readonly port: number;
  /** What the worker is told as its name: host and port as they stand in a URL. */
  readonly authority: string;
  /** An answer has ended well, and another request may be sent. */
  onIdle(connection: Connection): void;
  onClosed(connection: Connection): void;
};

const connectTimeoutMs = 5_000;
/** A worker whose machine or network is gone says nothing more: its kernel is asked whether it is there. */
const keepAliveInitialDelay = 60_000;
/** A body up to this size goes out as one text with its head: one write costs the kernel and Node less than two. */
const oneWriteBytes = 16_384;

/** All connections read into this one, and copy what is kept: a fresh buffer for each read, as sockets have else, costs more. */
const arrivals = Buffer.allocUnsafeSlow(65_536);

/** A connection to a worker that speaks HTTP/1.1, one request at a time. */
export class Connection {
  /** When its last answer ended, by the pool's clock. */
  idleSince = 0;
  private readonly options: ConnectionOptions;
  private readonly socket: Socket;
  private readonly reader = new AnswerReader();
  private handler: UpstreamHandler | undefined;
  private cause: Error | undefined;

  /** Connects, and sends this request then. */
  constructor(options: ConnectionOptions, request: UpstreamRequest, handler: UpstreamHandler) {
    this.options = options;
    this.handler = handler;
    const { host, port } = options;
    const onread = { buffer: arrivals, callback: (length: number) => this.receive(length) };
    this.socket = connect({ host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay, onread });
    const late = setTimeout(() => this.socket.destroy(new Error(`no connection within ${connectTimeoutMs} ms`)), connectTimeoutMs);
    this.socket.once('connect', () => {
      clearTimeout(late);
      this.send(request, handler);
    });
    this.socket.on('error', (error) => {
      this.cause = error;
    });
    this.socket.once('end', () => this.ended());
    this.socket.once('close', () => {
      clearTimeout(late);
      this.fail(this.cause ?? new Error('the connection was closed'));
      options.onClosed(this);
    });
  }

  /** Sends a request when there is none under way. */
  send({ path, headers, body }: UpstreamRequest, handler: UpstreamHandler): void {
    this.handler = handler;
    this.reader.begin();
    handler.onRequestStart(this);
    if (this.handler !== handler) return; // aborted meanwhile
    let head = `POST ${path} HTTP/1.1\r\nhost: ${this.options.authority}\r\n`;
    for (let index = 0; index < headers.length; index += 2) head += `${headers[index]}: ${headers[index + 1]}\r\n`;
    head += `content-length: ${body.length}\r\n\r\n`;
    // Latin-1 has a character for each byte, so the bytes stay as they are.
    if (body.length <= oneWriteBytes) {
      this.socket.write(head + body.toString('latin1'), 'latin1');
      return;
    }
    this.socket.cork();
    this.socket.write(head, 'latin1');
    this.socket.write(body);
    this.socket.uncork();
  }

  /** Ends the request of this handler, if it is still under way: the worker notices that nobody waits any more. */
  abort(handler: UpstreamHandler): void {
    if (this.handler !== handler) return;
    this.handler = undefined;
    this.reader.stop();
    this.socket.destroy();
  }

  /** Takes no more of the answer until `resume`, so that the worker has to wait. */
  pause(handler: UpstreamHandler): void {
    if (this.handler === handler) this.socket.pause();
  }

  resume(handler: UpstreamHandler): void {
    if (this.handler === handler) this.socket.resume();
  }

  /** Closes it while it is idle. */
  close(): void {
    this.socket.destroy();
  }

  private receive(length: number): boolean {
    const { handler, reader } = this;
    if (!handler) {
      this.socket.destroy(); // nobody has asked
      return false;
    }
    try {
      const taken = reader.take(arrivals.subarray(0, length), handler);
      if (reader.done) this.finish(handler, reader.keepAlive && taken === length);
    } catch (error) {
      this.fail(asError(error));
    }
    return true;
  }

  private ended(): void {
    const { handler } = this;
    if (handler && this.reader.takeEnd()) this.finish(handler, false);
    else this.fail(new Error('the worker closed the connection before its answer had ended'));
  }

  /** The connection is free before its handler hears of the end: the next request may follow from that. */
  private finish(handler: UpstreamHandler, usable: boolean): void {
    this.handler = undefined;
    // A worker that answers before it has read the whole request would take the rest for another.
    if (usable && this.socket.writableLength === 0) {
      if (this.socket.isPaused()) this.socket.resume();
      this.options.onIdle(this);
    } else this.socket.destroy();
    try {
      handler.onResponseEnd();
    } catch (error) {
      handler.onResponseError(asError(error)); // else nobody would answer its caller
    }
  }

  private fail(cause: Error): void {
    const { handler } = this;
    this.handler = undefined;
    this.reader.stop();
    this.socket.destroy();
    handler?.onResponseError(cause);
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
