import { timingSafeEqual } from 'node:crypto';
import type { TenantKey } from '../../api/tenant.ts';
import type { Caller, Keys, KeyUse } from '../ports.ts';
import { accountOf, callerOf } from './account.ts';
import type { Credential } from './credential.ts';

type Entry = { readonly caller: Caller; readonly digest: Buffer; readonly expiresAt: number; lastUsedAt: number | undefined };

const hashPattern = /^sha256:([0-9a-f]{64})$/;

/**
 * The keys of all tenants, found by hash. Buckets are chosen by the first half of the digest and the whole is then compared in constant time.
 * A key that is not known costs the same hash and look-up as one that is, so there is nothing that a cache of refusals could save.
 */
export class KeyIndex implements Keys {
  private readonly buckets = new Map<string, Entry[]>();
  private readonly bucketsOfTenant = new Map<string, string[]>();

  find(credential: Credential, now: number): Caller | undefined {
    const bucket = this.buckets.get(bucketOf(credential.digest));
    if (!bucket) return undefined;
    const digest = Buffer.from(credential.digest, 'latin1');
    const entry = bucket.find((each) => timingSafeEqual(each.digest, digest) && each.expiresAt > now);
    if (entry) entry.lastUsedAt = now;
    return entry?.caller;
  }

  *uses(): Iterable<KeyUse> {
    for (const entries of this.buckets.values()) {
      for (const { caller, lastUsedAt } of entries) {
        if (lastUsedAt !== undefined) yield { tenant: caller.tenant, keyName: caller.keyName, lastUsedAt };
      }
    }
  }

  /**
   * Replaces all keys of a tenant, and what its account allows: all models without limits unless told. A hash that is not sha256 can
   * match nothing and is left out.
   */
  set(tenant: string, keys: readonly TenantKey[], account = accountOf(tenant, {})): void {
    const before = this.entriesOf(tenant);
    this.delete(tenant);
    const buckets: string[] = [];
    for (const key of keys) {
      const hex = hashPattern.exec(key.hash)?.[1];
      if (hex === undefined) continue;
      const digest = Buffer.from(hex, 'hex');
      const expiresAt = key.expiresAt === undefined ? Number.POSITIVE_INFINITY : Date.parse(key.expiresAt);
      const bucket = bucketOf(digest.toString('latin1'));
      const entries = this.buckets.get(bucket) ?? [];
      const lastUsedAt = before.find((entry) => entry.digest.equals(digest))?.lastUsedAt;
      entries.push({ caller: callerOf(account, key), digest, expiresAt, lastUsedAt });
      this.buckets.set(bucket, entries);
      buckets.push(bucket);
    }
    if (buckets.length > 0) this.bucketsOfTenant.set(tenant, buckets);
  }

  private entriesOf(tenant: string): readonly Entry[] {
    const buckets = this.bucketsOfTenant.get(tenant) ?? [];
    return buckets.flatMap((bucket) => this.buckets.get(bucket) ?? []).filter((entry) => entry.caller.tenant === tenant);
  }

  delete(tenant: string): void {
    for (const bucket of this.bucketsOfTenant.get(tenant) ?? []) {
      const others = (this.buckets.get(bucket) ?? []).filter((entry) => entry.caller.tenant !== tenant);
      if (others.length > 0) this.buckets.set(bucket, others);
      else this.buckets.delete(bucket);
    }
    this.bucketsOfTenant.delete(tenant);
  }
}

function bucketOf(digest: string): string {
  return digest.slice(0, 16);
}
