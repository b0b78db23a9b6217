import { generate } from 'selfsigned';

/** A certificate with its key, PEM. */
export type Pair = { readonly certificate: string; readonly key: string };

const hourMs = 60 * 60 * 1000;
const validity = (now: number) => ({ notBeforeDate: new Date(now - hourMs), notAfterDate: new Date(now + 24 * hourMs) });

/** An authority, by another one when that is given. */
export async function makeAuthority(name: string, by?: Pair, now = Date.now()): Promise<Pair> {
  const made = await generate([{ name: 'commonName', value: name }], {
    ...validity(now),
    keyType: 'ec',
    algorithm: 'sha256',
    ...(by && { ca: { cert: by.certificate, key: by.key } }),
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, digitalSignature: true, critical: true },
    ],
  });
  return { certificate: made.cert, key: made.private };
}

/** A certificate of an authority for who is named: common names, and organisations. It is good for one use alone. */
export async function makeClient(
  by: Pair,
  names: string | readonly string[],
  organizations: readonly string[] = [],
  { now = Date.now(), use = 'clientAuth' }: { readonly now?: number; readonly use?: 'clientAuth' | 'serverAuth' } = {},
): Promise<Pair> {
  const subject = [
    ...organizations.map((value) => ({ name: 'organizationName', value })),
    ...[names].flat().map((value) => ({ name: 'commonName', value })),
  ];
  const made = await generate(subject, {
    ...validity(now),
    keyType: 'ec',
    algorithm: 'sha256',
    ca: { cert: by.certificate, key: by.key },
    extensions: [
      { name: 'basicConstraints', cA: false },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', [use]: true },
    ],
  });
  return { certificate: made.cert, key: made.private };
}

/** What the API server tells of itself in its ConfigMap. */
export function trustData(clients: Pair, proxies: Pair): Record<string, string> {
  return {
    'client-ca-file': clients.certificate,
    'requestheader-client-ca-file': proxies.certificate,
    'requestheader-allowed-names': '["front-proxy-client"]',
    'requestheader-username-headers': '["X-Remote-User"]',
    'requestheader-uid-headers': '["X-Remote-Uid"]',
    'requestheader-group-headers': '["X-Remote-Group"]',
    'requestheader-extra-headers-prefix': '["X-Remote-Extra-"]',
  };
}
