import type { TenantSpec } from '../../api/tenant.ts';
import type { Caller, Keys, KeyUse } from '../ports.ts';
import { accountOf } from './account.ts';
import type { Credential } from './credential.ts';
import type { KeySetOptions } from './key-set.ts';
import { KeyIndex } from './keys.ts';
import { JwtIndex, looksLikeJwt } from './tokens.ts';

/** Name of the key in records of callers who came with a token; keys of tenants have no capitals. */
const tokenKeyName = 'JWT';

/** Everybody who may call: by API key or by JSON Web Token. Changes act on the next request. */
export class Identities implements Keys {
  readonly keys = new KeyIndex();
  private readonly tokens: JwtIndex;

  constructor(options: KeySetOptions) {
    this.tokens = new JwtIndex(options);
  }

  find(credential: Credential, now: number): Caller | undefined | Promise<Caller | undefined> {
    return looksLikeJwt(credential.text) ? this.tokens.find(credential, now) : this.keys.find(credential, now);
  }

  uses(): Iterable<KeyUse> {
    return this.keys.uses();
  }

  /** Replaces all that is known of a tenant. */
  set(tenant: string, spec: TenantSpec): void {
    const account = accountOf(tenant, spec);
    this.keys.set(tenant, spec.keys ?? [], account);
    this.tokens.set(tenant, spec.jwt && { caller: { ...account, keyName: tokenKeyName }, jwt: spec.jwt });
  }

  delete(tenant: string): void {
    this.keys.delete(tenant);
    this.tokens.set(tenant, undefined);
  }
}
