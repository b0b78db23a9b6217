import type { Identity } from './identity.ts';
import { lifetimes, type Step, withoutExpired } from './plan.ts';

type Pair = { readonly certificate: string; readonly key: string };

const hourMs = 60 * 60 * 1000;

/** Carries out a step of the plan: the identity that comes after `before`. */
export async function takeStep(
  step: Exclude<Step, 'keep'>,
  before: Identity | undefined,
  dnsNames: readonly string[],
  now: number,
): Promise<Identity> {
  if (step === 'all' || !before) {
    const authority = await makeAuthority(now);
    return { authorities: [authority.certificate], authorityKey: authority.key, ...(await issue(authority, dnsNames, now)) };
  }
  const authorities = withoutExpired(before.authorities, now);
  if (step === 'authority') {
    const authority = await makeAuthority(now);
    return { ...before, authorities: [authority.certificate, ...authorities], authorityKey: authority.key };
  }
  const [certificate = ''] = authorities;
  return { ...before, authorities, ...(await issue({ certificate, key: before.authorityKey }, dnsNames, now)) };
}

/** Loaded when used: for nothing else does the controller need it. */
const selfsigned = () => import('./selfsigned.ts');

function validity(now: number, lengthMs: number): { notBeforeDate: Date; notAfterDate: Date } {
  // An hour of grace for callers whose clocks are behind.
  return { notBeforeDate: new Date(now - hourMs), notAfterDate: new Date(now + lengthMs) };
}

async function makeAuthority(now: number): Promise<Pair> {
  const { generate } = await selfsigned();
  // A name of its own: two authorities of one name, as there are while one follows the other, confuse those who look for an issuer.
  const made = await generate([{ name: 'commonName', value: `modelfleet-metrics-api-ca-${Math.floor(now / 1000)}` }], {
    ...validity(now, lifetimes.authorityMs),
    keyType: 'ec',
    algorithm: 'sha256',
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, digitalSignature: true, critical: true },
    ],
  });
  return { certificate: made.cert, key: made.private };
}

async function issue(authority: Pair, dnsNames: readonly string[], now: number): Promise<Pair> {
  const { generate } = await selfsigned();
  const made = await generate([{ name: 'commonName', value: 'modelfleet-metrics-api' }], {
    ...validity(now, lifetimes.certificateMs),
    keyType: 'ec',
    algorithm: 'sha256',
    ca: { cert: authority.certificate, key: authority.key },
    extensions: [
      { name: 'basicConstraints', cA: false },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      { name: 'subjectAltName', altNames: dnsNames.map((value) => ({ type: 2, value }) as const) },
    ],
  });
  return { certificate: made.cert, key: made.private };
}
