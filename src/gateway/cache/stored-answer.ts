import { z } from 'zod';
import type { CachedAnswer } from './answer-cache.ts';

const head = z.object({ version: z.literal(1), contentType: z.string(), storedAt: z.number() });

const lineFeed = 0x0a;
/** No head is longer. */
const maxHeadBytes = 1_024;

/** An answer as bytes: a line of JSON that tells what it is, then the body. */
export function encodeAnswer({ contentType, storedAt, body }: CachedAnswer): Buffer {
  return Buffer.concat([Buffer.from(`${JSON.stringify({ version: 1, contentType, storedAt })}\n`), body]);
}

/** The answer that these bytes are; undefined when they are none, or one of another version. */
export function decodeAnswer(bytes: Buffer): CachedAnswer | undefined {
  const end = bytes.subarray(0, maxHeadBytes).indexOf(lineFeed);
  if (end < 0) return undefined;
  const told = head.safeParse(parsed(bytes.toString('utf8', 0, end)));
  return told.success ? { contentType: told.data.contentType, storedAt: told.data.storedAt, body: bytes.subarray(end + 1) } : undefined;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // somebody else's bytes
  }
}
