import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { AnswerHeaders } from './answer-head.ts';
import { AnswerReader } from './answer-reader.ts';

type Heard = { status: number; headers: AnswerHeaders; body: string; ended: boolean; keepAlive: boolean; taken: number };

/** What is heard of an answer whose bytes come in these parts; throws what the reader throws. */
function read(parts: readonly Buffer[], closes = false): Heard {
  const reader = new AnswerReader();
  const heard: Heard = { status: 0, headers: [], body: '', ended: false, keepAlive: false, taken: 0 };
  const sink = {
    onResponseStart: (status: number, headers: AnswerHeaders) => Object.assign(heard, { status, headers }),
    onResponseData: (bytes: Buffer) => {
      heard.body += bytes.toString('latin1');
    },
  };
  for (const part of parts) {
    const scratch = Buffer.from(part);
    heard.taken += reader.take(scratch, sink);
    scratch.fill(0); // the reader's for the call alone
    if (reader.done) break;
  }
  if (closes && !reader.done) reader.takeEnd();
  return { ...heard, ended: reader.done, keepAlive: reader.keepAlive };
}

const whole = (text: string) => read([Buffer.from(text, 'latin1')]);

/** The bytes, cut in places that are fractions of their length. */
function cut(bytes: Buffer, cuts: readonly number[]): readonly Buffer[] {
  const places = [0, ...cuts.map((fraction) => Math.floor(fraction * bytes.length)).sort((a, b) => a - b), bytes.length];
  return places.slice(1).map((end, index) => bytes.subarray(places[index], end));
}

const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 });
const bodies = fc.array(fc.uint8Array({ minLength: 1, maxLength: 60 }), { maxLength: 6 });

function chunkedText(chunks: readonly Uint8Array[], extension: string, trailer: string): Buffer {
  const texts = chunks.map((chunk) => `${chunk.length.toString(16)}${extension}\r\n${Buffer.from(chunk).toString('latin1')}\r\n`);
  return Buffer.from(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-A: 1\r\n\r\n${texts.join('')}0\r\n${trailer}\r\n`, 'latin1');
}

test('reads chunks wherever their bytes are cut', () => {
  fc.assert(
    fc.property(bodies, cuts, fc.constantFrom('', ';a=b'), fc.constantFrom('', 'x-sum: 1\r\n'), (chunks, places, extension, trailer) => {
      const bytes = chunkedText(chunks, extension, trailer);
      expect(read(cut(bytes, places))).toEqual({
        status: 200,
        headers: ['transfer-encoding', 'chunked', 'x-a', '1'],
        body: Buffer.concat(chunks).toString('latin1'),
        ended: true,
        keepAlive: true,
        taken: bytes.length,
      });
    }),
  );
});

test('reads a body of known length wherever it is cut, and nothing behind it', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), cuts, fc.constantFrom('', 'HTTP/1.1 200 OK'), (body, places, behind) => {
      const text = Buffer.from(body).toString('latin1');
      const head = `HTTP/1.1 404 Not Found\r\ncontent-length: ${body.length}\r\n\r\n`;
      const bytes = Buffer.from(`${head}${text}`, 'latin1');
      const parts = [...cut(bytes, places).slice(0, -1), Buffer.concat([cut(bytes, places).at(-1) ?? bytes, Buffer.from(behind)])];
      expect(read(parts)).toMatchObject({ status: 404, body: text, ended: true, keepAlive: true, taken: bytes.length });
    }),
  );
});

test('a body without a length ends with the connection, which is not used again', () => {
  const parts = [Buffer.from('HTTP/1.1 200 OK\r\n\r\nab'), Buffer.from('cd')];
  expect(read(parts)).toMatchObject({ body: 'abcd', ended: false });
  expect(read(parts, true)).toMatchObject({ body: 'abcd', ended: true, keepAlive: false });
});

test('one of known length or of chunks does not end with the connection', () => {
  for (const framing of ['content-length: 9', 'transfer-encoding: chunked'])
    expect(read([Buffer.from(`HTTP/1.1 200 OK\r\n${framing}\r\n\r\n`)], true).ended).toBe(false);
});

test('words on the way are passed over', () => {
  const text = 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\na';
  expect(whole(text)).toMatchObject({ status: 200, body: 'a', ended: true, headers: ['content-length', '1'] });
});

test.for([204, 304])('%s has no body, whatever its head says', (status) => {
  expect(whole(`HTTP/1.1 ${status} \r\ncontent-length: 5\r\n\r\n`)).toMatchObject({ status, body: '', ended: true, keepAlive: true });
});

test.for([
  ['HTTP/1.1', '', true],
  ['HTTP/1.1', 'connection: close\r\n', false],
  ['HTTP/1.1', 'Connection: Keep-Alive, Close\r\n', false],
  ['HTTP/1.0', '', false],
  ['HTTP/1.0', 'connection: keep-alive\r\n', true],
] as const)('%s with %j stays open: %s', ([version, header, keepAlive]) => {
  expect(whole(`${version} 200 OK\r\n${header}content-length: 0\r\n\r\n`)).toMatchObject({ ended: true, keepAlive });
});

test('names are in lower case, values trimmed, and all else is as it came', () => {
  const { headers } = whole('HTTP/1.1 200 OK\r\nX-One:\t a b \t\r\nx-one:c\r\n__proto__: x\r\nempty:\r\ncontent-length: 0\r\n\r\n');
  expect(headers).toEqual(['x-one', 'a b', 'x-one', 'c', '__proto__', 'x', 'empty', '', 'content-length', '0']);
});

describe('is no answer', () => {
  test.for([
    ['another protocol', 'SSH-2.0-OpenSSH_9.2\r\n\r\n'],
    ['HTTP/2', 'HTTP/2 200 OK\r\n\r\n'],
    ['no status', 'HTTP/1.1 OK\r\n\r\n'],
    ['status 99', 'HTTP/1.1 099 Low\r\n\r\n'],
    ['a change of protocol', 'HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\n\r\n'],
    ['a folded header', 'HTTP/1.1 200 OK\r\na: b\r\n c\r\n\r\n'],
    ['a blank before the colon', 'HTTP/1.1 200 OK\r\na : b\r\n\r\n'],
    ['a header without a name', 'HTTP/1.1 200 OK\r\n: b\r\n\r\n'],
    ['a line feed in a value', 'HTTP/1.1 200 OK\r\na: b\nc: d\r\n\r\n'],
    ['a null byte in a value', 'HTTP/1.1 200 OK\r\na: b\0\r\n\r\n'],
    ['a length and chunks', 'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n'],
    ['two lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n'],
    ['the same length twice', 'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\na'],
    ['a negative length', 'HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n'],
    ['another coding', 'HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n'],
    ['a chunk without a size', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\r\n'],
    ['a chunk whose size is no number', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0x1\r\na\r\n'],
    ['a chunk of more than 4 GiB', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n100000000\r\n'],
    ['a chunk that is longer than it says', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nab\r\n'],
    ['a chunk that ends with a line feed', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\na\n'],
    ['a trailer that ends with a line feed', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\na: b\n\r\n'],
    ['endless extensions', `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;${'a'.repeat(20_000)}`],
    ['endless trailers', `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n${'a: b\r\n'.repeat(5_000)}`],
    ['an endless head', `HTTP/1.1 200 OK\r\n${'a: b\r\n'.repeat(4_000)}`],
    ['an endless line', `HTTP/1.1 200 ${'a'.repeat(20_000)}`],
  ] as const)('%s', ([, text]) => {
    expect(() => whole(text)).toThrow(/the answer is not valid HTTP\/1\.1/);
    expect(() => read([...Buffer.from(text, 'latin1')].map((byte) => Buffer.of(byte)))).toThrow(/the answer is not valid HTTP\/1\.1/);
  });

  test('what came before the fault is passed on', () => {
    const bodies: string[] = [];
    const sink = { onResponseStart: () => {}, onResponseData: (bytes: Buffer) => void bodies.push(bytes.toString()) };
    const text = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\nzz';
    expect(() => new AnswerReader().take(Buffer.from(text), sink)).toThrow();
    expect(bodies).toEqual(['ab']);
  });
});

test('who wants no more gets no more', () => {
  const reader = new AnswerReader();
  let parts = 0;
  const sink = {
    onResponseStart: () => {},
    onResponseData: () => {
      parts += 1;
      reader.stop();
    },
  };
  reader.take(Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\na'), sink);
  reader.take(Buffer.from('b'), sink);
  expect({ parts, done: reader.done }).toEqual({ parts: 1, done: false });
});

test('any bytes are an answer, a part of one, or refused', () => {
  const tokens = fc.constantFrom(
    'HTTP/1.1 ',
    '200',
    ' OK',
    '\r\n',
    '\n',
    ': ',
    'content-length',
    'transfer-encoding',
    'chunked',
    '0',
    '5',
    ';',
  );
  const text = fc.array(fc.oneof(tokens, fc.string({ maxLength: 3 })), { maxLength: 40 }).map((all) => all.join(''));
  fc.assert(
    fc.property(text, cuts, (bytes, places) => {
      try {
        const heard = read(cut(Buffer.from(`HTTP/1.1 200 OK\r\n${bytes}`, 'latin1'), places), true);
        if (heard.ended) expect(heard.status).toBe(200);
      } catch (error) {
        expect(error).toMatchObject({ name: 'BadAnswer' });
      }
    }),
  );
});
