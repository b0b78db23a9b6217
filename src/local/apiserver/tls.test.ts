import { X509Certificate } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FakeClock } from '../../core/fake-clock.ts';
import { loadServerIdentity } from './tls.ts';

const dayMs = 24 * 60 * 60 * 1000;
let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'modelfleet-tls-'));
});
afterEach(() => rm(directory, { recursive: true }));

test('keeps its certificate, and renews it before it expires without changing the authority', async () => {
  const clock = new FakeClock();
  const first = await loadServerIdentity(directory, clock);
  const second = await loadServerIdentity(directory, clock);
  await clock.advance(340 * dayMs);
  const third = await loadServerIdentity(directory, clock);

  expect(second).toEqual(first);
  expect(third.certificate).not.toBe(first.certificate);
  expect(third.caCertificate).toBe(first.caCertificate);
  expect(Date.parse(new X509Certificate(third.certificate).validTo)).toBeGreaterThan(clock.now() + 300 * dayMs);
});

test('the certificate is for loopback and signed by the authority', async () => {
  const { certificate, caCertificate } = await loadServerIdentity(directory, new FakeClock());
  const leaf = new X509Certificate(certificate);

  expect(leaf.verify(new X509Certificate(caCertificate).publicKey)).toBe(true);
  expect(leaf.checkIP('127.0.0.1')).toBe('127.0.0.1');
  expect(leaf.checkHost('localhost')).toBe('localhost');
});

test('makes a new identity where the old one is damaged', async () => {
  const clock = new FakeClock();
  const first = await loadServerIdentity(directory, clock);
  await writeFile(join(directory, 'server.json'), '{"certificate": "no", ');

  const second = await loadServerIdentity(directory, clock);

  expect(second.caCertificate).toBe(first.caCertificate);
  expect(second.certificate).toContain('BEGIN CERTIFICATE');
});
