import { isIPv4, isIPv6, SocketAddress } from 'node:net';
import type { HeaderReading } from './reading.ts';

/** How version 1 begins. */
export const textStart = Buffer.from('PROXY ');

/** With its end of line; the specification proves that none is longer. */
const longest = 107;
const endOfLine = '\r\n';

const line = /^PROXY (?:UNKNOWN(?: [ -~]*)?|(TCP[46]) ([\da-fA-F:.]+) ([\da-fA-F:.]+) (0|[1-9]\d{0,4}) (0|[1-9]\d{0,4}))$/;

/** Reads a header of version 1: a line of text. */
export function readTextHeader(bytes: Buffer): HeaderReading {
  const end = bytes.subarray(0, longest).indexOf(endOfLine);
  if (end < 0 && bytes.length < longest) return { kind: 'partial', atLeast: bytes.length + 1 };
  if (end < 0) return { kind: 'invalid', why: 'sends a header without an end' };
  const found = line.exec(bytes.toString('latin1', 0, end));
  if (!found) return invalid;
  const [, family, source = '', destination = '', ...ports] = found;
  const length = end + endOfLine.length;
  if (family === undefined) return { kind: 'header', bytes: length };
  const isAddress = family === 'TCP4' ? isIPv4 : isIPv6;
  if (!isAddress(source) || !isAddress(destination) || ports.some((port) => Number(port) > 65_535)) return invalid;
  const caller = family === 'TCP4' ? source : new SocketAddress({ address: source, family: 'ipv6' }).address;
  return { kind: 'header', bytes: length, caller };
}

const invalid: HeaderReading = { kind: 'invalid', why: 'sends a header of version 1 that is malformed' };
