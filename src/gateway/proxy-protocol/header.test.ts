import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { crc32c } from './crc32c.ts';
import { readProxyHeader } from './header.ts';

const signature = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');

/** A header of version 2 as the specification draws it. */
function binary(command: number, family: number, body: Buffer): Buffer {
  const fixed = Buffer.from([command, family, body.length >> 8, body.length & 0xff]);
  return Buffer.concat([signature, fixed, body]);
}

function field(type: number, value: Buffer): Buffer {
  return Buffer.concat([Buffer.from([type, value.length >> 8, value.length & 0xff]), value]);
}

const text = (line: string) => Buffer.from(`${line}\r\n`, 'latin1');
const ports = Buffer.from([0x1f, 0x90, 0x01, 0xbb]);
const over4 = Buffer.concat([Buffer.from([192, 0, 2, 7, 10, 0, 0, 1]), ports]);
const over6 = Buffer.concat([Buffer.from('20010db8000000000000000000000007', 'hex'), Buffer.alloc(16, 1), ports]);

/** A header of version 2 with its checksum in the middle of other fields. */
function checked(): Buffer {
  const header = binary(0x21, 0x11, Buffer.concat([over4, field(0x04, Buffer.alloc(3)), field(0x03, Buffer.alloc(4)), field(0x30, ports)]));
  header.writeUInt32BE(crc32c(header), 16 + over4.length + 6 + 3);
  return header;
}

describe('tells who calls', () => {
  test.for<[string, Buffer, string]>([
    ['version 1 over IPv4', text('PROXY TCP4 192.0.2.7 10.0.0.1 8080 443'), '192.0.2.7'],
    ['version 1 over IPv6', text('PROXY TCP6 2001:DB8:0::7 ::1 8080 443'), '2001:db8::7'],
    ['version 2 over IPv4', binary(0x21, 0x11, over4), '192.0.2.7'],
    ['version 2 over IPv6', binary(0x21, 0x21, over6), '2001:db8::7'],
    ['version 2 with more fields', binary(0x21, 0x11, Buffer.concat([over4, field(0xea, Buffer.alloc(300))])), '192.0.2.7'],
    ['version 2 with its checksum', checked(), '192.0.2.7'],
  ])('%s', ([, header, caller]) => {
    expect(readProxyHeader(header)).toEqual({ kind: 'header', bytes: header.length, caller });
  });
});

describe('takes a connection without a caller for the proxy’s own', () => {
  test.for<[string, Buffer]>([
    ['version 1, unknown', text('PROXY UNKNOWN')],
    ['version 1, unknown with addresses', text('PROXY UNKNOWN ffff::1 ffff::2 65535 65535')],
    ['version 2, local', binary(0x20, 0x00, Buffer.alloc(0))],
    ['version 2, local with what must be discarded', binary(0x20, 0xff, Buffer.alloc(7))],
    ['version 2, unspecified', binary(0x21, 0x00, Buffer.alloc(0))],
    ['version 2, a UNIX socket', binary(0x21, 0x31, Buffer.alloc(216))],
    ['version 2, datagrams', binary(0x21, 0x12, over4)],
  ])('%s', ([, header]) => {
    expect(readProxyHeader(header)).toEqual({ kind: 'header', bytes: header.length });
  });
});

describe('refuses', () => {
  const withField = (bytes: number[]) => binary(0x21, 0x11, Buffer.concat([over4, Buffer.from(bytes)]));
  const wrongSum = checked();
  wrongSum[20] = 1;
  test.for<[string, Buffer]>([
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
    ['a TLS handshake', Buffer.from('160301', 'hex')],
    ['a line without an end', Buffer.alloc(107, 'PROXY UNKNOWN ')],
    ['a line that ends beyond the longest', text(`PROXY UNKNOWN ${'x'.repeat(92)}`)],
    ['another family', text('PROXY UDP4 192.0.2.7 10.0.0.1 1 2')],
    ['IPv6 in TCP4', text('PROXY TCP4 ::1 ::1 1 2')],
    ['IPv4 in TCP6', text('PROXY TCP6 192.0.2.7 10.0.0.1 1 2')],
    ['a number too large in an address', text('PROXY TCP4 192.0.2.256 10.0.0.1 1 2')],
    ['a port too large', text('PROXY TCP4 192.0.2.7 10.0.0.1 1 65536')],
    ['a port with a zero before it', text('PROXY TCP4 192.0.2.7 10.0.0.1 01 2')],
    ['no ports', text('PROXY TCP4 192.0.2.7 10.0.0.1')],
    ['two spaces', text('PROXY TCP4  192.0.2.7 10.0.0.1 1 2')],
    ['small letters', text('proxy TCP4 192.0.2.7 10.0.0.1 1 2')],
    ['a control character', text('PROXY UNKNOWN \x00')],
    ['a line feed alone', text('PROXY UNKNOWN\nPROXY UNKNOWN')],
    ['version 3', binary(0x31, 0x11, over4)],
    ['an unknown command', binary(0x22, 0x11, over4)],
    ['an unknown family', binary(0x21, 0x41, Buffer.alloc(216))],
    ['an unknown transport', binary(0x21, 0x13, over4)],
    ['addresses that are cut off', binary(0x21, 0x11, over4.subarray(1))],
    ['IPv6 addresses in the room of IPv4', binary(0x21, 0x21, over4)],
    ['a field that is cut off in its head', withField([4, 0])],
    ['a field that is cut off in its value', withField([4, 0, 2, 0])],
    ['a checksum of another length', withField([3, 0, 2, 0, 0])],
    ['a wrong checksum', wrongSum],
    ['what nobody needs', binary(0x21, 0x11, Buffer.alloc(16_369))],
  ])('%s', ([, header]) => {
    expect(readProxyHeader(header)).toMatchObject({ kind: 'invalid', why: expect.stringMatching(/\w/) });
  });
});

const octets = fc.uint8Array({ minLength: 4, maxLength: 4 });
const fields = fc.array(fc.tuple(fc.constantFrom(0x01, 0x02, 0x04, 0x20, 0x30, 0xea), fc.uint8Array({ maxLength: 40 })), { maxLength: 4 });
const headers = fc.oneof(
  fc.tuple(octets, fc.nat(65_535)).map(([from, port]) => ({
    header: text(`PROXY TCP4 ${from.join('.')} 10.0.0.1 ${port} 443`),
    caller: from.join('.'),
  })),
  fc.tuple(octets, fields).map(([from, more]) => ({
    header: binary(
      0x21,
      0x11,
      Buffer.concat([from, Buffer.alloc(4), ports, ...more.map(([type, value]) => field(type, Buffer.from(value)))]),
    ),
    caller: from.join('.'),
  })),
);

describe('whatever comes', () => {
  test('a header is the same however much of it and of what follows is there, and never ends early', () => {
    fc.assert(
      fc.property(headers, fc.uint8Array({ maxLength: 64 }), fc.nat(), ({ header, caller }, rest, where) => {
        expect(readProxyHeader(Buffer.concat([header, rest]))).toEqual({ kind: 'header', bytes: header.length, caller });
        const part = readProxyHeader(header.subarray(0, where % header.length));
        expect(part).toMatchObject({ kind: 'partial' });
        // It asks for more than it has, and never for more than there is.
        if (part.kind === 'partial') {
          expect(part.atLeast).toBeGreaterThan(where % header.length);
          expect(part.atLeast).toBeLessThanOrEqual(header.length);
        }
      }),
    );
  });

  test('broken headers are never more than what they say, and no error', () => {
    const broken = fc.tuple(headers, fc.nat(), fc.nat(255)).map(([{ header }, at, byte]) => {
      const copy = Buffer.from(header);
      copy[at % copy.length] = byte;
      return copy;
    });
    const noise = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));
    const begun = noise.map((bytes) => Buffer.concat([signature, bytes]));
    fc.assert(
      fc.property(fc.oneof(broken, noise, begun), (bytes) => {
        const reading = readProxyHeader(bytes);
        if (reading.kind === 'header') expect(reading.bytes).toBeLessThanOrEqual(bytes.length);
        if (reading.kind === 'partial') expect(reading.atLeast).toBeGreaterThan(bytes.length);
      }),
    );
  });
});

test('the checksum is that of the standard', () => {
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
});
