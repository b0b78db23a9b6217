import { hash, randomBytes } from 'node:crypto';

const keyPrefix = 'mf-';

/** A new API key: `mf-` and 256 random bits in base64url. Shown once, then only its hash is kept. */
export function generateApiKey(): string {
  return keyPrefix + randomBytes(32).toString('base64url');
}

/** What a Tenant stores of a key: `sha256:<hex>` over the whole key text. A plain hash is enough because the key is 256 random bits. */
export function hashApiKey(key: string): string {
  return `sha256:${hash('sha256', key)}`;
}
