import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { Secret } from '../../kube/index.ts';

/** The server's certificate and the authorities that callers are to trust, newest first; all PEM. The key is that of the newest. */
export type Identity = {
  readonly authorities: readonly string[];
  readonly authorityKey: string;
  readonly certificate: string;
  readonly key: string;
};

const entries = { bundle: 'ca.crt', authorityKey: 'ca.key', certificate: 'tls.crt', key: 'tls.key' } as const;

/** What a Secret holds; undefined when that is no identity that can be used. */
export function readIdentity(secret: Pick<Secret, 'data'> | undefined): Identity | undefined {
  const text = (entry: string) => Buffer.from(secret?.data?.[entry] ?? '', 'base64').toString();
  const authorities = text(entries.bundle).match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  const identity = {
    authorities,
    authorityKey: text(entries.authorityKey),
    certificate: text(entries.certificate),
    key: text(entries.key),
  };
  return isUsable(identity) ? identity : undefined;
}

/** The data of the Secret that holds an identity. */
export function secretData(identity: Identity): Record<string, string> {
  const { authorityKey, certificate, key } = identity;
  return {
    [entries.bundle]: base64(bundleOf(identity)),
    [entries.authorityKey]: base64(authorityKey),
    [entries.certificate]: base64(certificate),
    [entries.key]: base64(key),
  };
}

/** All authorities as one text. */
export function bundleOf({ authorities }: Identity): string {
  return `${authorities.join('\n')}\n`;
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

function isUsable({ authorities, authorityKey, certificate, key }: Identity): boolean {
  try {
    const certificates = authorities.map((authority) => new X509Certificate(authority));
    const belongs = (owner: X509Certificate | undefined, pem: string) => owner?.checkPrivateKey(createPrivateKey(pem)) === true;
    return belongs(certificates[0], authorityKey) && belongs(new X509Certificate(certificate), key);
  } catch {
    // No PEM, or that of something else: as good as none.
    return false;
  }
}
