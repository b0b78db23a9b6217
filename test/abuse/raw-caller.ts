import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** An answer as it came: its status, and the code and type of the error that its body tells. */
export type RawAnswer = { readonly status: number; readonly head: string; readonly body: string };

/** A connection on which a caller says whatever he likes. */
export class RawCaller {
  readonly socket: Socket;
  /** All that came, as latin1. */
  received = '';
  readonly closed: Promise<void>;

  constructor(url: string) {
    this.socket = connect({ port: Number(new URL(url).port), host: '127.0.0.1', allowHalfOpen: true });
    this.socket.setEncoding('latin1').on('data', (text: string) => {
      this.received += text;
    });
    // A reset is an end as well: what came before it tells.
    this.socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => this.socket.once('close', () => resolve()));
    this.socket.on('end', () => this.socket.end());
  }

  /** Says it in one go. */
  say(bytes: string | Uint8Array): this {
    this.socket.write(bytes);
    return this;
  }

  /** Says it a few bytes at a time. */
  async drip(bytes: Buffer, size: number, pauseMs: number): Promise<void> {
    for (let at = 0; at < bytes.length && !this.socket.destroyed; at += size) {
      this.socket.write(bytes.subarray(at, at + size));
      await sleep(pauseMs);
    }
  }

  /** Everything that was answered until the gateway closed the connection. Rejects when it does not within `ms`. */
  async untilClosed(ms = 15_000): Promise<string> {
    const late = new AbortController();
    const timeout = sleep(ms, undefined, { signal: late.signal }).then(
      () => {
        throw new Error(`the connection is open after ${ms} ms; so far it said: ${this.received.slice(0, 500)}`);
      },
      () => undefined,
    );
    await Promise.race([this.closed, timeout]);
    late.abort();
    return this.received;
  }

  leave(): void {
    this.socket.destroy();
  }
}

/** The answers in what a connection said, one after the other. Throws when it is not HTTP with lengths. */
export function answersIn(received: string): RawAnswer[] {
  const answers: RawAnswer[] = [];
  for (let rest = received; rest !== ''; ) {
    const end = rest.indexOf('\r\n\r\n');
    const head = rest.slice(0, end);
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(head)?.[1]);
    if (end < 0 || !Number.isInteger(status)) throw new Error(`no answer begins with ${JSON.stringify(rest.slice(0, 200))}`);
    rest = rest.slice(end + 4);
    if (status < 200) continue;
    const length = /^content-length: *(\d+)/im.exec(head)?.[1];
    const chunked = /^transfer-encoding: *chunked/im.test(head);
    const bodyLength = length !== undefined ? Number(length) : chunked ? chunkedLength(rest) : 0;
    answers.push({ status, head, body: rest.slice(0, bodyLength) });
    rest = rest.slice(bodyLength);
  }
  return answers;
}

function chunkedLength(text: string): number {
  const last = text.indexOf('0\r\n\r\n');
  return last < 0 ? text.length : last + 5;
}
