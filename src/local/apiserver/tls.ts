import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { generate } from 'selfsigned';
import type { Clock } from '../../core/clock.ts';
import { isJsonObject } from '../../core/json.ts';
import { writePrivateFile } from '../private-file.ts';

/** A server certificate with its key, and the authority that clients trust. All PEM. */
export type ServerIdentity = { readonly caCertificate: string; readonly certificate: string; readonly key: string };

type Authority = { readonly certificate: string; readonly key: string };

const dayMs = 24 * 60 * 60 * 1000;
const authorityDays = 3650;
const serverDays = 365;
const renewBeforeDays = 30;

/**
 * The identity of the server in a state directory: made at first, kept after, its certificate renewed 30 days before it expires.
 * The authority outlives many certificates, so that kubeconfigs stay valid.
 */
export async function loadServerIdentity(stateDir: string, clock: Clock): Promise<ServerIdentity> {
  const authority = await loadOrMake(join(stateDir, 'ca.json'), clock, () => makeAuthority(clock));
  const server = await loadOrMake(join(stateDir, 'server.json'), clock, () => makeServer(authority, clock), authority);
  return { caCertificate: authority.certificate, certificate: server.certificate, key: server.key };
}

async function loadOrMake(path: string, clock: Clock, make: () => Promise<Authority>, issuer?: Authority): Promise<Authority> {
  const kept = await read(path);
  if (kept && usable(kept, clock, issuer)) return kept;
  const made = await make();
  await writePrivateFile(path, JSON.stringify(made));
  return made;
}

async function read(path: string): Promise<Authority | undefined> {
  try {
    const content: unknown = JSON.parse(await readFile(path, 'utf8'));
    if (isJsonObject(content) && typeof content.certificate === 'string' && typeof content.key === 'string') {
      return { certificate: content.certificate, key: content.key };
    }
    return undefined;
  } catch (error) {
    // Missing or half written: a new one is made.
    if (error instanceof SyntaxError || (error instanceof Error && 'code' in error && error.code === 'ENOENT')) return undefined;
    throw error;
  }
}

function usable(identity: Authority, clock: Clock, issuer: Authority | undefined): boolean {
  try {
    const certificate = new X509Certificate(identity.certificate);
    const issued = !issuer || certificate.verify(new X509Certificate(issuer.certificate).publicKey);
    return (
      issued && Date.parse(certificate.validFrom) <= clock.now() && Date.parse(certificate.validTo) - renewBeforeDays * dayMs > clock.now()
    );
  } catch {
    // Not a certificate: as good as none.
    return false;
  }
}

function validity(clock: Clock, days: number): { notBeforeDate: Date; notAfterDate: Date } {
  // A day of grace for clocks that are set back.
  return { notBeforeDate: new Date(clock.now() - dayMs), notAfterDate: new Date(clock.now() + days * dayMs) };
}

async function makeAuthority(clock: Clock): Promise<Authority> {
  const made = await generate([{ name: 'commonName', value: 'modelfleet-local-ca' }], {
    ...validity(clock, authorityDays),
    keyType: 'ec',
    algorithm: 'sha256',
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, digitalSignature: true, critical: true },
    ],
  });
  return { certificate: made.cert, key: made.private };
}

async function makeServer(authority: Authority, clock: Clock): Promise<Authority> {
  const made = await generate([{ name: 'commonName', value: 'modelfleet-local-apiserver' }], {
    ...validity(clock, serverDays),
    keyType: 'ec',
    algorithm: 'sha256',
    ca: { cert: authority.certificate, key: authority.key },
    extensions: [
      { name: 'basicConstraints', cA: false },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      {
        name: 'subjectAltName',
        altNames: [
          { type: 2, value: 'localhost' },
          { type: 2, value: 'kubernetes' },
          { type: 2, value: 'kubernetes.default.svc' },
          { type: 7, ip: '127.0.0.1' },
          { type: 7, ip: '::1' },
        ],
      },
    ],
  });
  return { certificate: made.cert, key: made.private };
}
