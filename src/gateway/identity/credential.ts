import { hash } from 'node:crypto';
import type { Socket } from 'node:net';

/** What a caller has shown to say who calls, an API key or a token; `digest` is its SHA-256, with a character for each byte. */
export type Credential = { readonly text: string; readonly digest: string };

/** The scheme is case-insensitive (RFC 9110 section 11.1); what is longer than any token is not worth hashing. */
const bearer = /^Bearer +(\S{1,12000})$/i;

/** Longer headers are not kept: whoever opens many connections could fill the memory with them. Usual tokens are shorter. */
const maxKeptLength = 2_048;

/** A connection brings the same header again and again. What it hashes to never changes; whose it is can, so that is not kept. */
const lastOn = new WeakMap<Socket, { readonly header: string; readonly credential: Credential | undefined }>();

/** The credential in an `authorization` header that came on this connection; undefined when it has none that we know. */
export function credentialIn(header: string, socket: Socket): Credential | undefined {
  const last = lastOn.get(socket);
  if (last?.header === header) return last.credential;
  const text = bearer.exec(header)?.[1];
  const credential = text === undefined ? undefined : credentialOf(text);
  if (header.length <= maxKeptLength) lastOn.set(socket, { header, credential });
  return credential;
}

/** The credential that has this text. */
export function credentialOf(text: string): Credential {
  // Not as bytes: Node makes those of a digest several times as slowly.
  return { text, digest: hash('sha256', text, 'binary') };
}
