import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { drainingHeader, loadingHeader } from '../../src/core/agent-contract.ts';

/** What a mock worker does with the requests that follow. */
export type Behaviour = {
  /** Chunks of a streamed answer; 8 unless told otherwise. */
  readonly chunks?: number;
  /** Time between chunks; 0 sends each in a write of its own, without waiting. */
  readonly paceMs?: number;
  /** Time before the answer begins. */
  readonly delayMs?: number;
  /** Bytes of text in each chunk. */
  readonly chunkBytes?: number;
  /**
   * `hang`: reads the request and says nothing. `stall`: goes silent after half of the answer. `die`: closes the connection after
   * half of it, `die-first`: before it. `drain`: refuses as a worker that is about to go. A number is the status of an error answer.
   */
  readonly fault?: 'hang' | 'stall' | 'die' | 'die-first' | 'drain' | 'loading' | number;
};

/** A request as the mock worker saw it. */
type Seen = {
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
  /** The answer was sent to its end. */
  finished: boolean;
  /** The connection was closed before that. */
  aborted: boolean;
  /** When its headers came, and when it was finished or aborted, by `performance.now()`. */
  readonly arrivedAt: number;
  endedAt: number | undefined;
};

/** Requests that a mock worker remembers: the first ones, so that a benchmark of millions does not fill the memory. */
const maxRemembered = 10_000;

/** A worker without a model, for tests and benchmarks of what stands before it. */
export type MockWorker = {
  readonly origin: string;
  readonly seen: readonly Seen[];
  readonly inFlight: number;
  readonly maxInFlight: number;
  /** Bytes that the kernel has taken over from it. */
  readonly written: number;
  behave(behaviour: Behaviour): void;
  /** Breaks every connection, as the death of the process would. */
  kill(): void;
  close(): Promise<void>;
};

/** The text of chunk `index`: what a client puts together again. */
export function chunkText(index: number, bytes = 0): string {
  return `token-${index} `.padEnd(bytes, 'x');
}

/** The server-sent events of a whole streamed answer, as they are on the wire. */
export function streamedAnswer(model: string, chunks: number, bytes = 0): string {
  return [...Array.from({ length: chunks }, (_, index) => streamEvent(model, index, bytes)), 'data: [DONE]\n\n'].join('');
}

/** The body of a whole answer. */
export function wholeAnswer(model: string): string {
  return JSON.stringify({
    id: 'chatcmpl-mock',
    object: 'chat.completion',
    created: 0,
    model,
    choices: [{ index: 0, message: { role: 'assistant', content: 'Hello from the mock worker.' }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 5, completion_tokens: 6, total_tokens: 11 },
  });
}

/** Starts a mock worker on a free port of the loopback address, or on `port`. */
export async function startMockWorker(initial: Behaviour = {}, port = 0): Promise<MockWorker> {
  let behaviour = initial;
  const seen: Seen[] = [];
  const sockets = new Set<Socket>();
  let inFlight = 0;
  let maxInFlight = 0;

  const server = createServer((request, response) => {
    const current = behaviour;
    inFlight += 1;
    maxInFlight = Math.max(maxInFlight, inFlight);
    const record: Seen & { body: string } = {
      path: request.url ?? '',
      headers: request.headers,
      body: '',
      finished: false,
      aborted: false,
      arrivedAt: performance.now(),
      endedAt: undefined,
    };
    if (seen.length < maxRemembered) seen.push(record);
    response.on('close', () => {
      inFlight -= 1;
      record.endedAt = performance.now();
      if (response.writableFinished) record.finished = true;
      else record.aborted = true;
    });
    collect(request).then((body) => {
      record.body = body;
      answer(response, body, current);
    });
  });
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });

  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    get inFlight() {
      return inFlight;
    },
    get maxInFlight() {
      return maxInFlight;
    },
    get written() {
      let total = 0;
      for (const socket of sockets) total += socket.bytesWritten - socket.writableLength;
      return total;
    },
    behave: (next) => {
      behaviour = next;
    },
    kill: () => {
      for (const socket of sockets) socket.resetAndDestroy();
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function collect(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of request) chunks.push(chunk);
  } catch {
    return ''; // the caller left while sending: `aborted` says so
  }
  return Buffer.concat(chunks).toString();
}

function answer(response: ServerResponse, body: string, behaviour: Behaviour): void {
  const { fault, delayMs = 0 } = behaviour;
  if (fault === 'hang' || response.destroyed) return;
  if (fault === 'die-first') return void response.destroy();
  if (fault === 'drain' || fault === 'loading' || typeof fault === 'number') {
    const text = JSON.stringify({ error: { message: `mock error ${fault}`, type: 'api_error', param: null, code: null } });
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) };
    if (fault === 'drain') response.writeHead(503, { ...headers, connection: 'close', [drainingHeader]: 'true' }).end(text);
    else if (fault === 'loading') response.writeHead(503, { ...headers, [loadingHeader]: 'true' }).end(text);
    else response.writeHead(fault, headers).end(text);
    return;
  }
  const { model = 'mock', stream = false, stream_options } = parse(body);
  const usage = stream_options?.include_usage ?? false;
  const begin = () => (stream ? sendStream(response, model, behaviour, usage) : sendWhole(response, model, behaviour));
  if (delayMs > 0) setTimeout(begin, delayMs);
  else begin();
}

function parse(body: string): { model?: string; stream?: boolean; stream_options?: { include_usage?: boolean } } {
  try {
    return JSON.parse(body);
  } catch {
    return {}; // a broken body is answered like any other: the mock judges nothing
  }
}

function sendWhole(response: ServerResponse, model: string, { fault }: Behaviour): void {
  const text = wholeAnswer(model);
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
  if (fault === undefined) return void response.end(text);
  response.write(text.slice(0, text.length / 2), () => {
    if (fault === 'die') response.destroy();
  });
}

function sendStream(response: ServerResponse, model: string, behaviour: Behaviour, usage: boolean): void {
  const { chunks = 8, paceMs = 0, chunkBytes = 0, fault } = behaviour;
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
  const stopAt = fault === undefined ? chunks : Math.floor(chunks / 2);
  let index = 0;
  const next = () => {
    if (response.destroyed) return;
    if (index < stopAt) {
      const more = response.write(streamEvent(model, index, chunkBytes));
      index += 1;
      if (paceMs > 0) setTimeout(next, paceMs);
      else if (more) setImmediate(next);
      else response.once('drain', next);
    } else if (fault === 'die') {
      // Half an event, as a process that is killed would leave it.
      response.write(streamEvent(model, index, chunkBytes).slice(0, 20), () => response.destroy());
    } else if (fault === undefined) {
      response.end(`${usage ? usageEvent(model, chunks) : ''}data: [DONE]\n\n`);
    }
  };
  next();
}

/** The event that a worker sends for `stream_options.include_usage`, as it is on the wire. */
export function usageEvent(model: string, chunks: number): string {
  const usage = { prompt_tokens: 5, completion_tokens: chunks, total_tokens: 5 + chunks };
  const head = { id: 'chatcmpl-mock', object: 'chat.completion.chunk', created: 0, model };
  return `data: ${JSON.stringify({ ...head, choices: [], usage })}\n\n`;
}

function streamEvent(model: string, index: number, bytes: number): string {
  const choices = [{ index: 0, delta: { content: chunkText(index, bytes) }, finish_reason: null }];
  return `data: ${JSON.stringify({ id: 'chatcmpl-mock', object: 'chat.completion.chunk', created: 0, model, choices })}\n\n`;
}
