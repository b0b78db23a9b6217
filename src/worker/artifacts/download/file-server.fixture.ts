import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Clock } from '../../../core/clock.ts';

/** What happens to one answer. */
type Trouble = {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** The connection is reset after so many bytes of the body. */
  readonly cutAfter?: number;
  /** The body stops after so many bytes, and goes on when `resume` resolves. */
  readonly stallAfter?: number;
  readonly resume?: Promise<void>;
};

/** A real HTTP server with one file, at any path, and with whatever trouble a test asks for. */
export type FileServer = AsyncDisposable & {
  readonly url: string;
  readonly requests: IncomingMessage[];
  content: Buffer;
  /** Undefined: none is sent. */
  etag: string | undefined;
  lastModified: string | undefined;
  ranges: boolean;
  /** Whether Content-Length is sent (else the body is chunked); a number is a lie. */
  length: boolean | number;
  /** Bytes per 10 ms; unlimited when not set. */
  pace: number | undefined;
  /** The trouble with the nth request, counted from 0. */
  trouble: (index: number, request: IncomingMessage) => Trouble | undefined;
};

export async function startFileServer(content: Buffer, path = '/models/tiny.gguf'): Promise<FileServer> {
  const server = createServer((request, response) => {
    const index = file.requests.push(request) - 1;
    response.on('error', () => undefined);
    void answer(file, request, response, file.trouble(index, request) ?? {}).catch(() => response.destroy());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const file: FileServer = {
    url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}${path}`,
    requests: [],
    content,
    etag: '"one"',
    lastModified: undefined,
    ranges: true,
    length: true,
    pace: undefined,
    trouble: () => undefined,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return file;
}

async function answer(file: FileServer, request: IncomingMessage, response: ServerResponse, trouble: Trouble): Promise<void> {
  const { content, etag, lastModified, ranges, length } = file;
  const validators = { ...(etag && { etag }), ...(lastModified && { 'last-modified': lastModified }) };
  if (trouble.status) return void response.writeHead(trouble.status, trouble.headers).end('no');
  const unchanged = etag
    ? request.headers['if-none-match'] === etag
    : lastModified && request.headers['if-modified-since'] === lastModified;
  if (unchanged) return void response.writeHead(304, validators).end();
  const from = rangeStart(request, ranges, etag ?? lastModified);
  if (from >= content.length && from > 0)
    return void response.writeHead(416, { ...validators, 'content-range': `bytes */${content.length}` }).end();
  const body = content.subarray(from);
  response.writeHead(from > 0 ? 206 : 200, {
    ...validators,
    ...(length === false ? {} : { 'content-length': length === true ? body.length : length - from }),
    ...(from > 0 && { 'content-range': `bytes ${from}-${content.length - 1}/${content.length}` }),
    ...trouble.headers,
  });
  response.flushHeaders();
  const stop = trouble.cutAfter ?? trouble.stallAfter;
  await send(response, body.subarray(0, stop), file.pace);
  if (trouble.cutAfter !== undefined) return void response.destroy();
  if (trouble.stallAfter !== undefined) {
    await trouble.resume;
    await send(response, body.subarray(trouble.stallAfter), file.pace);
  }
  // Content-Length promised more: the connection ends early.
  if (typeof length === 'number') response.destroy();
  else response.end();
}

function rangeStart({ headers }: IncomingMessage, ranges: boolean, validator: string | undefined): number {
  const [, from] = /^bytes=(\d+)-$/.exec(headers.range ?? '') ?? [];
  return ranges && from !== undefined && (headers['if-range'] === undefined || headers['if-range'] === validator) ? Number(from) : 0;
}

async function send(response: ServerResponse, bytes: Buffer, pace: number | undefined): Promise<void> {
  const step = pace ?? bytes.length;
  for (let at = 0; at < bytes.length && !response.destroyed; at += step) {
    // Written is when the socket has taken it: a cut comes after the bytes before it.
    await new Promise((resolve) => response.write(bytes.subarray(at, at + step), resolve));
    if (pace !== undefined) await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Real time, but sleeping takes none; remembers how long it would have been. */
export function impatientClock(): Clock & { readonly slept: number[] } {
  const slept: number[] = [];
  return {
    slept,
    now: () => Date.now(),
    async sleep(ms, signal) {
      signal?.throwIfAborted();
      slept.push(ms);
      await new Promise(setImmediate);
    },
  };
}

/** A GGUF file without tensors, followed by bytes that differ everywhere. */
export function ggufOf(size: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(size);
  let state = seed;
  for (let at = 0; at + 4 <= size; at += 4) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes.writeUInt32LE(state, at);
  }
  bytes.fill(0, 0, 24);
  bytes.write('GGUF');
  bytes.writeUInt32LE(3, 4);
  return bytes;
}
