import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { eventually } from '../../kube/testing/eventually.fake.ts';
import type { AnswerHeaders } from './answer-head.ts';
import type { Connection, UpstreamHandler } from './connection.ts';
import { ConnectionPool } from './pool.ts';

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** A worker that hands its connections, and what comes by them, to the test. */
class RawWorker {
  readonly sockets: Socket[] = [];
  readonly received: string[] = [];
  private readonly server: Server;

  private constructor(onRequest: (text: string, socket: Socket) => void) {
    this.server = createServer((socket) => {
      const index = this.sockets.push(socket) - 1;
      this.received[index] = '';
      socket.on('error', () => {}); // cut off by the other side
      socket.on('data', (bytes) => {
        this.received[index] += bytes.toString('latin1');
        onRequest(bytes.toString('latin1'), socket);
      });
    });
  }

  static async start(onRequest: (text: string, socket: Socket) => void = () => {}): Promise<RawWorker> {
    const worker = new RawWorker(onRequest);
    worker.server.listen(0, '127.0.0.1');
    await once(worker.server, 'listening');
    ends.push(() => worker.stop());
    return worker;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  stop(): void {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
  }
}

/** Hears all of a request; what it does with an answer is the test's. */
class Listener implements UpstreamHandler {
  status = 0;
  headers: AnswerHeaders = [];
  body = '';
  connection: Connection | undefined;
  outcome: 'ended' | Error | undefined;
  onData: () => void = () => {};

  onRequestStart(connection: Connection): void {
    this.connection = connection;
  }

  onResponseStart(status: number, headers: AnswerHeaders): void {
    this.status = status;
    this.headers = headers;
  }

  onResponseData(bytes: Buffer): void {
    this.body += bytes.toString('latin1');
    this.onData();
  }

  onResponseEnd(): void {
    this.outcome = 'ended';
  }

  onResponseError(cause: Error): void {
    this.outcome = cause;
  }
}

function openPool(origin: string, now?: () => number): ConnectionPool {
  const pool = new ConnectionPool(origin, now);
  ends.push(() => void pool.close());
  return pool;
}

const request = { path: '/v1/chat/completions', headers: ['x-request-id', 'a'], body: Buffer.from('{"ä":1}') };
const answer = 'HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\nok';

function ask(pool: ConnectionPool, body = request.body): Listener {
  const listener = new Listener();
  pool.dispatch({ ...request, body }, listener);
  return listener;
}

async function ended(listener: Listener): Promise<Listener> {
  await eventually(() => listener.outcome !== undefined);
  return listener;
}

test('sends the request as it is, and tells the whole answer', async () => {
  const worker = await RawWorker.start((_, socket) => socket.write(answer));
  const pool = openPool(worker.origin);
  const listener = await ended(ask(pool));
  expect(worker.received[0]).toBe(
    `POST /v1/chat/completions HTTP/1.1\r\nhost: ${worker.origin.slice(7)}\r\nx-request-id: a\r\ncontent-length: 8\r\n\r\n${request.body.toString('latin1')}`,
  );
  expect(listener).toMatchObject({
    outcome: 'ended',
    status: 200,
    body: 'ok',
    headers: ['content-type', 'text/plain', 'content-length', '2'],
  });
});

test('uses a connection again, and opens as many as there are requests at once', async () => {
  const waiting: Socket[] = [];
  const worker = await RawWorker.start((_, socket) => waiting.push(socket));
  const pool = openPool(worker.origin);
  const both = [ask(pool), ask(pool)];
  await eventually(() => waiting.length === 2);
  for (const socket of waiting.splice(0)) socket.write(answer);
  for (const listener of both) await ended(listener);
  const third = ask(pool);
  await eventually(() => waiting.length === 1);
  waiting[0]?.write(answer);
  expect(await ended(third)).toMatchObject({ outcome: 'ended' });
  expect(worker.sockets).toHaveLength(2);
});

test('the connection is free when the end is told', async () => {
  const worker = await RawWorker.start((_, socket) => socket.write(answer));
  const pool = openPool(worker.origin);
  const second = new Listener();
  const first = new (class extends Listener {
    override onResponseEnd(): void {
      super.onResponseEnd();
      pool.dispatch(request, second);
    }
  })();
  pool.dispatch(request, first);
  expect(await ended(second)).toMatchObject({ outcome: 'ended', body: 'ok' });
  expect(worker.sockets).toHaveLength(1);
});

test.for([
  ['that says that it closes', 'HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok'],
  ['that brings more than its answer', `${answer}more`],
])('does not use a connection again %s', async ([, text]) => {
  const worker = await RawWorker.start((_, socket) => socket.write(text ?? ''));
  const pool = openPool(worker.origin);
  for (const listener of [ask(pool), ask(pool)]) expect(await ended(listener)).toMatchObject({ outcome: 'ended', body: 'ok' });
  expect(worker.sockets).toHaveLength(2);
});

test('nor one by which something came that nobody had asked for, or that the worker has closed', async () => {
  const worker = await RawWorker.start((_, socket) => socket.write(answer));
  const pool = openPool(worker.origin);
  await ended(ask(pool));
  worker.sockets[0]?.write(answer);
  await eventually(() => worker.sockets[0]?.destroyed === true);
  await ended(ask(pool));
  worker.sockets[1]?.end();
  await eventually(() => worker.sockets[1]?.destroyed === true);
  expect(await ended(ask(pool))).toMatchObject({ outcome: 'ended' });
  expect(worker.sockets).toHaveLength(3);
});

test('nor one whose worker had answered before it had read the whole request', async () => {
  const worker = await RawWorker.start((_, socket) => {
    socket.pause();
    socket.write(answer);
  });
  const pool = openPool(worker.origin);
  expect(await ended(ask(pool, Buffer.alloc(32 * 1_048_576)))).toMatchObject({ outcome: 'ended', body: 'ok' });
  expect(await ended(ask(pool))).toMatchObject({ outcome: 'ended' });
  expect(worker.sockets).toHaveLength(2);
});

test('closes what has been idle for three seconds', async () => {
  let now = 0;
  const worker = await RawWorker.start((_, socket) => socket.write(answer));
  const pool = openPool(worker.origin, () => now);
  await ended(ask(pool));
  now = 3_000;
  await eventually(() => worker.sockets[0]?.destroyed === true);
});

test.for(['onResponseStart', 'onResponseData', 'onResponseEnd'] as const)('who fails at %s hears of his own error', async (moment) => {
  const fault = new Error('the answer cannot be told');
  for (const text of [answer, 'HTTP/1.1 200 OK\r\n\r\nok']) {
    const worker = await RawWorker.start((_, socket) => (text === answer ? socket.write(text) : socket.end(text)));
    const listener = new Listener();
    listener[moment] = () => {
      throw fault;
    };
    openPool(worker.origin).dispatch(request, listener);
    expect((await ended(listener)).outcome).toBe(fault);
  }
});

test('a worker that cannot be reached is an error before the request begins', async () => {
  const worker = await RawWorker.start();
  const { origin } = worker;
  worker.stop();
  const listener = await ended(ask(openPool(origin)));
  expect(listener.outcome).toMatchObject({ code: 'ECONNREFUSED' });
  expect(listener.connection).toBeUndefined();
});

test.for([
  ['before it answers', '', ''],
  ['within its head', 'HTTP/1.1 200 OK\r\ncontent-', ''],
  ['within its body', 'HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf', 'half'],
  ['within its chunks', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n', 'half'],
] as const)('a worker that closes the connection %s is an error', async ([, text, body]) => {
  const worker = await RawWorker.start((_, socket) => socket.end(text));
  const listener = await ended(ask(openPool(worker.origin)));
  expect(listener.outcome).toMatchObject({ message: expect.stringContaining('closed the connection') });
  expect(listener.body).toBe(body);
});

test('a worker that is not understood is an error, and its connection is closed', async () => {
  const worker = await RawWorker.start((_, socket) => socket.write('220 smtp ready\r\n\r\n'));
  expect((await ended(ask(openPool(worker.origin)))).outcome).toMatchObject({ message: expect.stringContaining('not valid HTTP/1.1') });
  await eventually(() => worker.sockets[0]?.destroyed === true);
});

test('the worker notices an abort, and nothing is told after it', async () => {
  const worker = await RawWorker.start((_, socket) => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf'));
  const listener = ask(openPool(worker.origin));
  await eventually(() => listener.body === 'half');
  listener.connection?.abort(listener);
  await eventually(() => worker.sockets[0]?.destroyed === true);
  expect(listener.outcome).toBeUndefined();
});

test('who is done cannot end the next request on the same connection', async () => {
  const waiting: Socket[] = [];
  const worker = await RawWorker.start((_, socket) => waiting.push(socket));
  const pool = openPool(worker.origin);
  const first = ask(pool);
  await eventually(() => waiting.length === 1);
  waiting[0]?.write(answer);
  await ended(first);
  const second = ask(pool);
  await eventually(() => waiting.length === 2);
  first.connection?.abort(first);
  waiting[1]?.write(answer);
  expect(await ended(second)).toMatchObject({ outcome: 'ended' });
});

test('the worker has to wait while nobody takes its answer', async () => {
  const size = 64 * 1_048_576;
  const worker = await RawWorker.start((_, socket) => {
    socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${size}\r\n\r\n`);
    socket.write(Buffer.alloc(size, 'a'));
  });
  const listener = new Listener();
  let taken = 0;
  listener.onResponseData = (bytes) => {
    taken += bytes.length;
    listener.connection?.pause(listener);
  };
  openPool(worker.origin).dispatch(request, listener);
  await eventually(() => taken > 0);
  const socket = worker.sockets[0];
  // The kernels' buffers fill up, and then the rest lies with the worker.
  let left = -1;
  await eventually(() => {
    const same = socket?.writableLength === left;
    left = socket?.writableLength ?? 0;
    return same && left > 0;
  });
  expect(taken).toBeLessThanOrEqual(65_536);
  listener.onResponseData = (bytes) => {
    taken += bytes.length;
  };
  listener.connection?.resume(listener);
  await ended(listener);
  expect(taken).toBe(size);
});

test('closes when the last answer has ended, and takes no more requests', async () => {
  const waiting: Socket[] = [];
  const worker = await RawWorker.start((_, socket) => waiting.push(socket));
  const pool = new ConnectionPool(worker.origin);
  const running = ask(pool);
  await eventually(() => waiting.length === 1);
  let closed = false;
  const closing = pool.close().then(() => {
    closed = true;
  });
  expect((await ended(ask(pool))).outcome).toBeInstanceOf(Error);
  expect(closed).toBe(false);
  waiting[0]?.write(answer);
  await closing;
  expect(running.outcome).toBe('ended');
});
