import type { X509Certificate } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { TLSSocket } from 'node:tls';
import type { CertificateChain } from './certificate-chain.ts';

const chains = new WeakMap<TLSSocket, CertificateChain>();

/** The certificate that a caller showed when he connected, with those sent along; undefined without one that TLS found good. */
export function chainOf({ socket }: IncomingMessage): CertificateChain | undefined {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined;
  const known = chains.get(socket);
  if (known) return known;
  const leaf = socket.getPeerX509Certificate();
  if (!leaf) return undefined;
  const others: X509Certificate[] = [];
  for (let next = leaf.issuerCertificate; next; next = next.issuerCertificate) others.push(next);
  const chain = { leaf, others };
  chains.set(socket, chain);
  return chain;
}
