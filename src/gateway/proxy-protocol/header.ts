import { binaryStart, readBinaryHeader } from './binary-header.ts';
import type { HeaderReading } from './reading.ts';
import { readTextHeader, textStart } from './text-header.ts';

/**
 * Reads a header of the PROXY protocol, version 1 or 2, at the beginning of `bytes`; whatever comes after it is not looked at.
 * Takes no notice of the port and of what version 2 adds, but for its checksum. Never throws.
 * Source: https://www.haproxy.org/download/3.2/doc/proxy-protocol.txt
 */
export function readProxyHeader(bytes: Buffer): HeaderReading {
  if (begins(bytes, binaryStart)) return readBinaryHeader(bytes);
  if (begins(bytes, textStart)) return readTextHeader(bytes);
  return { kind: 'invalid', why: 'does not begin with a header of the PROXY protocol' };
}

/** Whether `bytes` begins like `start`, as far as it goes. */
function begins(bytes: Buffer, start: Buffer): boolean {
  const length = Math.min(bytes.length, start.length);
  return bytes.compare(start, 0, length, 0, length) === 0;
}
