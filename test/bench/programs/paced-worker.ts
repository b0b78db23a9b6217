import { type AddressInfo, createServer, type Socket } from 'node:net';
import { doneEvent, frameEvent } from '../gateway/frames.ts';

// A worker without a model that costs little CPU time itself; prints its address. It answers a chat whole, or as a stream of numbered frames:
// as many as `max_tokens`, the first at once and the others `pace_ms` apart. It reads one request at a time from a connection.

const usage = (frames: number) => ({ prompt_tokens: 80, completion_tokens: frames, total_tokens: 80 + frames });
const message = { role: 'assistant', content: 'It answers with about as many bytes as a short answer has. '.repeat(8).trim() };
const whole = {
  id: 'chatcmpl-0123456789abcdef',
  object: 'chat.completion',
  created: 1_700_000_000,
  model: 'bench',
  choices: [{ index: 0, message, logprobs: null, finish_reason: 'stop' }],
  usage: usage(120),
};
const wholeWire = withLength(JSON.stringify(whole));
const otherWire = withLength('{}');
const streamHead = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n';
const nothing = Buffer.alloc(0);

function withLength(body: string): Buffer {
  return Buffer.from(`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
}

const chunk = (text: string) => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;

const frames: Buffer[] = [];
function frameWire(index: number): Buffer {
  frames[index] ??= Buffer.from(chunk(frameEvent(index)));
  return frames[index];
}

class Caller {
  private readonly socket: Socket;
  private bytes: Buffer = nothing;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (bytes) => this.take(bytes));
    socket.on('error', () => socket.destroy()); // the caller has left: the next frame finds it so
  }

  private take(bytes: Buffer): void {
    this.bytes = this.bytes.length > 0 ? Buffer.concat([this.bytes, bytes]) : bytes;
    const end = this.bytes.indexOf('\r\n\r\n');
    if (end < 0) return;
    const head = this.bytes.toString('latin1', 0, end);
    const length = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
    const body = this.bytes.toString('latin1', end + 4);
    const complete = /\r\ntransfer-encoding: *chunked/i.test(head) ? body.endsWith('0\r\n\r\n') : body.length >= length;
    if (!complete) return;
    this.bytes = nothing;
    this.answer(head, body);
  }

  private answer(head: string, body: string): void {
    if (!head.startsWith('POST')) this.socket.write(otherWire);
    else if (!body.includes('"stream":true')) this.socket.write(wholeWire);
    else {
      const number = (name: string) => Number(new RegExp(`"${name}":(\\d+)`).exec(body)?.[1] ?? 1);
      this.stream(number('max_tokens'), number('pace_ms'), body.includes('"include_usage":true'));
    }
  }

  private stream(count: number, paceMs: number, tellsUsage: boolean): void {
    const { socket } = this;
    let index = 0;
    const next = () => {
      if (socket.destroyed) return;
      if (index === 0) socket.write(streamHead);
      socket.write(frameWire(index));
      index += 1;
      if (index < count) setTimeout(next, paceMs);
      else socket.write(`${tellsUsage ? chunk(usageEvent(count)) : ''}${chunk(doneEvent)}0\r\n\r\n`);
    };
    socket.cork();
    next();
    socket.uncork();
  }
}

function usageEvent(count: number): string {
  const { id, created, model } = whole;
  return `data: ${JSON.stringify({ id, object: 'chat.completion.chunk', created, model, choices: [], usage: usage(count) })}\n\n`;
}

const server = createServer((socket) => new Caller(socket));
server.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 }, () =>
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
);
process.once('SIGTERM', () => process.exit());
