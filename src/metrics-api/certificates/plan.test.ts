import { X509Certificate } from 'node:crypto';
import { beforeAll, expect, test } from 'vitest';
import { type Identity, readIdentity, secretData } from './identity.ts';
import { takeStep } from './make.ts';
import { planIdentity } from './plan.ts';

const dayMs = 24 * 60 * 60 * 1000;
const t0 = Date.UTC(2026, 0, 1);
const dnsNames = ['metrics.modelfleet.svc', 'metrics.modelfleet'];
let first: Identity;

beforeAll(async () => {
  first = await takeStep('all', undefined, dnsNames, t0);
});

const plan = (identity: Identity | undefined, days: number, more: { published?: boolean; dnsNames?: readonly string[] } = {}) =>
  planIdentity({ identity, dnsNames, published: true, now: t0 + days * dayMs, ...more });

function vouchesFor(identity: Identity, authority = identity.authorities[0] ?? ''): boolean {
  return new X509Certificate(identity.certificate).verify(new X509Certificate(authority).publicKey);
}

test('makes everything from nothing, and keeps it', () => {
  expect(plan(undefined, 0)).toBe('all');
  expect(plan(first, 0)).toBe('keep');
  expect(vouchesFor(first)).toBe(true);
  const certificate = new X509Certificate(first.certificate);
  expect(dnsNames.map((name) => certificate.checkHost(name))).toEqual(dnsNames);
  expect(certificate.ca).toBe(false);
});

test('issues the certificate anew 30 days before its end, by the same authority', async () => {
  expect([plan(first, 59), plan(first, 61)]).toEqual(['keep', 'certificate']);
  const next = await takeStep('certificate', first, dnsNames, t0 + 61 * dayMs);
  expect(next.authorities).toEqual(first.authorities);
  expect(vouchesFor(next)).toBe(true);
  expect(plan(next, 61)).toBe('keep');
});

test('issues it anew at once when it is called by another name', () => {
  expect(plan(first, 0, { dnsNames: ['other.modelfleet.svc'], published: false })).toBe('certificate');
});

test('changes its authority in two steps: told first, then used', async () => {
  const near = 4 * 365 + 5;
  expect(plan(first, near)).toBe('authority');
  const both = await takeStep('authority', first, dnsNames, t0 + near * dayMs);
  expect(both.authorities).toHaveLength(2);
  expect(both.authorities[1]).toBe(first.authorities[0]);
  expect(both.certificate).toBe(first.certificate);

  // Its certificate had been renewed in all that time.
  const renewed = await takeStep('certificate', first, dnsNames, t0 + near * dayMs);
  const between = { ...both, certificate: renewed.certificate, key: renewed.key };
  expect(plan(between, near, { published: false })).toBe('keep');
  expect(plan(between, near, { published: true })).toBe('certificate');

  const after = await takeStep('certificate', between, dnsNames, t0 + near * dayMs);
  expect(vouchesFor(after)).toBe(true);
  expect(vouchesFor(after, first.authorities[0])).toBe(false);
  expect(plan(after, near)).toBe('keep');
});

test('forgets an authority that has expired', async () => {
  const both = await takeStep('authority', first, dnsNames, t0 + 4.5 * 365 * dayMs);
  const after = await takeStep('certificate', both, dnsNames, t0 + 6 * 365 * dayMs);
  expect(after.authorities).toEqual([both.authorities[0]]);
});

test('begins anew when all has expired, or was made by a clock that is far ahead', () => {
  expect(plan(first, 6 * 365)).toBe('all');
  expect(plan(first, -10)).toBe('all');
});

test('is kept in a Secret, and what is damaged there is no identity', async () => {
  const data = secretData(first);
  expect(readIdentity({ data })).toMatchObject({ certificate: first.certificate, key: first.key });
  const other = secretData(await takeStep('all', undefined, dnsNames, t0));
  for (const entry of Object.keys(data)) {
    expect(readIdentity({ data: { ...data, [entry]: '' } })).toBeUndefined();
    expect(readIdentity({ data: { ...data, [entry]: Buffer.from('no PEM').toString('base64') } })).toBeUndefined();
    if (entry.endsWith('.key')) expect(readIdentity({ data: { ...data, [entry]: other[entry] ?? '' } })).toBeUndefined();
  }
  expect(readIdentity(undefined)).toBeUndefined();
});
