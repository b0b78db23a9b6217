import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { AnswerReader } from './answer-reader.ts';

/** A connection on which nothing comes for so long is broken. */
const silentMs = 30_000;

const ignore = () => {};

/** The bytes of a POST of JSON. */
export function postRequest(origin: string, path: string, body: string, headers: Readonly<Record<string, string>> = {}): Buffer {
  const all = {
    host: new URL(origin).host,
    'content-type': 'application/json',
    ...headers,
    'content-length': String(Buffer.byteLength(body)),
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`POST ${path} HTTP/1.1\r\n${lines.join('')}\r\n${body}`);
}

/** A kept connection that asks one thing at a time and spends little CPU time on it. */
export class Connection {
  private readonly socket: Socket;
  private readonly reader = new AnswerReader((bytes) => this.onBody(bytes));
  private onBody: (bytes: Buffer) => void = ignore;
  private asked: PromiseWithResolvers<number> | undefined;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.setTimeout(silentMs, () => socket.destroy(new Error(`nothing came for ${silentMs / 1_000} s`)));
    socket.on('data', (bytes) => this.take(bytes));
    socket.on('error', (error) => this.asked?.reject(error));
    socket.on('close', () => this.asked?.reject(new Error('the connection was closed before the answer was complete')));
  }

  static async open(origin: string): Promise<Connection> {
    const { hostname, port } = new URL(origin);
    const socket = connect(Number(port), hostname);
    await once(socket, 'connect');
    return new Connection(socket);
  }

  /** Resolves with the status once the answer is complete; `onBody` gets the body as it comes. Rejects when the connection breaks. */
  ask(request: Buffer, onBody: (bytes: Buffer) => void = ignore): Promise<number> {
    this.onBody = onBody;
    this.asked = Promise.withResolvers();
    this.socket.write(request);
    return this.asked.promise;
  }

  close(): void {
    this.socket.destroy();
  }

  private take(bytes: Buffer): void {
    try {
      if (this.reader.take(bytes)) this.asked?.resolve(this.reader.status);
    } catch (error) {
      this.asked?.reject(error);
      this.socket.destroy();
    }
  }
}

/** Opens connections, gives them to `use`, and closes them after it. */
export async function withConnections<T>(
  origin: string,
  count: number,
  use: (connections: readonly Connection[]) => Promise<T>,
): Promise<T> {
  const connections = await Promise.all(Array.from({ length: count }, () => Connection.open(origin)));
  try {
    return await use(connections);
  } finally {
    for (const connection of connections) connection.close();
  }
}

/**
 * Asks on each connection again as soon as it is answered, for `durationMs` or until `atMost` answers have come; resolves with how many came.
 * Fails when one is no 200.
 */
export async function askFor(
  durationMs: number,
  connections: readonly Connection[],
  request: Buffer,
  atMost = Number.POSITIVE_INFINITY,
): Promise<number> {
  const until = performance.now() + durationMs;
  let answers = 0;
  const caller = async (connection: Connection) => {
    while (performance.now() < until && answers < atMost) {
      expectOk(await connection.ask(request));
      answers += 1;
    }
  };
  await Promise.all(connections.map(caller));
  return answers;
}

/** Throws unless the status is 200: what refuses is cheaper than what answers. */
export function expectOk(status: number): void {
  if (status !== 200) throw new Error(`a request of the benchmark was answered ${status}`);
}
