import { SocketAddress } from 'node:net';
import { crc32c } from './crc32c.ts';
import type { HeaderReading } from './reading.ts';

/** How version 2 begins. */
export const binaryStart = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');

/** Signature, version and command, family, length. */
const fixedBytes = 16;

/** Longer ones, by certificates of clients for example, are refused: the specification allows 64 KiB, and asks for 536 bytes. */
const longest = 16_384;

const localCommand = 0x20;
const proxyCommand = 0x21;
const tcpOverIPv4 = 0x11;
const tcpOverIPv6 = 0x21;
/** Unspecified, IPv4, IPv6 and UNIX; unspecified, stream and datagram. */
const highestFamily = 0x3;
const highestTransport = 0x2;
/** Bytes of both addresses and both ports, by the high half of the family. */
const addressBytes = [0, 12, 36, 216] as const;

const checksumType = 0x03;
const checksumBytes = 4;
const fieldHeadBytes = 3;

/** Reads a header of version 2. */
export function readBinaryHeader(bytes: Buffer): HeaderReading {
  if (bytes.length < fixedBytes) return { kind: 'partial', atLeast: fixedBytes };
  const command = bytes.readUInt8(12);
  const family = bytes.readUInt8(13);
  const length = fixedBytes + bytes.readUInt16BE(14);
  if (command !== localCommand && command !== proxyCommand) return invalid('has an unknown version or command');
  if (length > longest) return invalid('is too long');
  if (bytes.length < length) return { kind: 'partial', atLeast: length };
  // The specification: discard what a local connection says, its family included.
  if (command === localCommand) return { kind: 'header', bytes: length };
  const wanted = addressBytes[family >> 4];
  if (family >> 4 > highestFamily || (family & 0xf) > highestTransport || wanted === undefined) return invalid('has an unknown family');
  if (length < fixedBytes + wanted) return invalid('is too short for its addresses');
  const wrong = wrongField(bytes.subarray(0, length), fixedBytes + wanted);
  if (wrong !== undefined) return invalid(wrong);
  return { kind: 'header', bytes: length, caller: callerOf(bytes, family) };
}

/** Undefined for what has no address that could be told, such as a UNIX socket. */
function callerOf(bytes: Buffer, family: number): string | undefined {
  if (family === tcpOverIPv4) return bytes.subarray(fixedBytes, fixedBytes + 4).join('.');
  if (family !== tcpOverIPv6) return undefined;
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(fixedBytes + 2 * index).toString(16));
  return new SocketAddress({ address: groups.join(':'), family: 'ipv6' }).address;
}

/** What is wrong with the fields that follow the addresses, each a type, a length and a value; undefined when nothing is. */
function wrongField(header: Buffer, from: number): string | undefined {
  for (let at = from; at < header.length; ) {
    if (at + fieldHeadBytes > header.length) return 'ends within a field';
    const value = at + fieldHeadBytes;
    const end = value + header.readUInt16BE(at + 1);
    if (end > header.length) return 'ends within a field';
    if (header.readUInt8(at) === checksumType && !hasChecksum(header, value, end)) return 'does not match its checksum';
    at = end;
  }
  return undefined;
}

/** The checksum is that of the whole header with zeros in its own place. */
function hasChecksum(header: Buffer, at: number, end: number): boolean {
  if (end - at !== checksumBytes) return false;
  return crc32c(Buffer.from(header).fill(0, at, end)) === header.readUInt32BE(at);
}

function invalid(what: string): HeaderReading {
  return { kind: 'invalid', why: `sends a header of version 2 that ${what}` };
}
