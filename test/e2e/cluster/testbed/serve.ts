import { createReadStream, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { setTimeout } from 'node:timers/promises';

// An HTTP server of the model file as a bucket or a mirror would be: ETag, ranges, and as slow as BYTES_PER_SECOND says.
// GET /requests tells which requests for the file there were. /slow/model.gguf gives one megabyte a second; /401/…, /429/… and any other refuse.

const file = '/models/model.gguf';
const { size, mtimeMs } = statSync(file);
const etag = `"${size.toString(16)}-${Math.floor(mtimeMs).toString(16)}"`;
const bytesPerSecond = Number(process.env.BYTES_PER_SECOND ?? Number.POSITIVE_INFINITY);
const pieceBytes = 1 << 18;
const requests: { method: string; from: number; bytes: number }[] = [];

createServer(async (request, response) => {
  if (request.url === '/requests') {
    response.setHeader('content-type', 'application/json').end(JSON.stringify(requests));
    return;
  }
  const slow = request.url === '/slow/model.gguf';
  if (request.url !== '/model.gguf' && !slow) {
    response.writeHead(Number(/^\/(401|429)\//.exec(request.url ?? '')?.[1] ?? 404)).end();
    return;
  }
  if (request.headers['if-none-match'] === etag) {
    response.writeHead(304, { etag }).end();
    return;
  }
  const [, from] = /^bytes=(\d+)-$/.exec(request.headers.range ?? '') ?? [];
  const start = from === undefined ? 0 : Number(from);
  response.writeHead(from === undefined ? 200 : 206, {
    etag,
    'accept-ranges': 'bytes',
    'content-length': size - start,
    ...(from !== undefined && { 'content-range': `bytes ${start}-${size - 1}/${size}` }),
  });
  const entry = { method: request.method ?? '', from: start, bytes: 0 };
  requests.push(entry);
  if (request.method === 'HEAD') {
    response.end();
    return;
  }
  for await (const piece of createReadStream(file, { start, highWaterMark: pieceBytes }) as AsyncIterable<Buffer>) {
    if (response.destroyed) return;
    if (!response.write(piece)) await new Promise((resolve) => response.once('drain', resolve).once('close', resolve));
    entry.bytes += piece.length;
    const speed = slow ? 1_000_000 : bytesPerSecond;
    if (Number.isFinite(speed)) await setTimeout((piece.length / speed) * 1000);
  }
  response.end();
}).listen(8080);

process.once('SIGTERM', () => process.exit(0));
