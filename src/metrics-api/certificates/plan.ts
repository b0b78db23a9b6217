import { X509Certificate } from 'node:crypto';
import type { Identity } from './identity.ts';

const dayMs = 24 * 60 * 60 * 1000;

/** How long what is made is valid. */
export const lifetimes = { authorityMs: 5 * 365 * dayMs, certificateMs: 90 * dayMs } as const;
const renewBefore = { authorityMs: 365 * dayMs, certificateMs: 30 * dayMs } as const;

export type Situation = {
  /** Undefined when there is none that can be used. */
  readonly identity: Identity | undefined;
  /** What callers call the server. */
  readonly dnsNames: readonly string[];
  /** Whether those who call have been told of every authority of the identity. */
  readonly published: boolean;
  readonly now: number;
};

/** `authority`: a new one beside the old, to be told before it is used. `certificate`: by the newest authority. `all`: from nothing. */
export type Step = 'keep' | 'all' | 'authority' | 'certificate';

/**
 * Decides what is made anew. An authority changes in two steps, so that no caller meets a certificate of one that it has not heard of:
 * first callers are told of both, then the certificate is issued anew.
 */
export function planIdentity({ identity, dnsNames, published, now }: Situation): Step {
  if (!identity) return 'all';
  const [newest, ...older] = identity.authorities.map((pem) => new X509Certificate(pem));
  if (!newest || timeLeft(newest, now) <= 0) return 'all';
  if (timeLeft(newest, now) < renewBefore.authorityMs) return 'authority';
  const certificate = new X509Certificate(identity.certificate);
  if (timeLeft(certificate, now) <= 0 || !covers(certificate, dnsNames) || ![newest, ...older].some((each) => isFrom(certificate, each)))
    return 'certificate';
  const due = timeLeft(certificate, now) < renewBefore.certificateMs || !isFrom(certificate, newest);
  return due && published ? 'certificate' : 'keep';
}

/** The authorities that are still good for something. */
export function withoutExpired(authorities: readonly string[], now: number): readonly string[] {
  return authorities.filter((pem) => timeLeft(new X509Certificate(pem), now) > 0);
}

function timeLeft(certificate: X509Certificate, now: number): number {
  // One that is not valid yet was made by a clock that is ahead: callers refuse it.
  return Date.parse(certificate.validFrom) > now ? 0 : Date.parse(certificate.validTo) - now;
}

function covers(certificate: X509Certificate, dnsNames: readonly string[]): boolean {
  return dnsNames.every((name) => certificate.checkHost(name, { subject: 'never' }) !== undefined);
}

function isFrom(certificate: X509Certificate, authority: X509Certificate): boolean {
  return certificate.checkIssued(authority) && certificate.verify(authority.publicKey);
}
