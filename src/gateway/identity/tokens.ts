import { decodeJwt, type JWTPayload, errors as joseErrors, jwtVerify } from 'jose';
import type { TenantJwt } from '../../api/tenant.ts';
import { errors } from '../../core/errors.ts';
import type { Caller } from '../ports.ts';
import type { Credential } from './credential.ts';
import { KeySet, type KeySetOptions } from './key-set.ts';

/** Signatures that only the holder of a private key can make: with the others whoever can check a token could make one. */
const algorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'];

/** How far the clocks of issuers may be from ours, in seconds. */
const clockToleranceSeconds = 30;

/** So many tokens are remembered with who sends them. */
const maxProved = 10_000;

/** A tenant that takes tokens, and whom its callers are. */
export type JwtRule = { readonly caller: Caller; readonly jwt: TenantJwt };

type Issuer = { readonly keys: KeySet; readonly rules: JwtRule[] };
type Proof = { readonly caller: Caller; readonly expiresAt: number; readonly keys: KeySet; readonly version: number };

/** Whether a text has the form of a JSON Web Token, which no API key has. */
export function looksLikeJwt(text: string): boolean {
  return /^eyJ[\w-]*\.[\w-]+\.[\w-]*$/.test(text);
}

/**
 * Finds the tenant of a JSON Web Token. A token that has been proved is remembered by its hash until it expires, the keys of its
 * issuer are fetched anew or a tenant changes, so that a signature costs a caller's first request only. Refused ones are not
 * remembered: what is wrong with them is seen before their signature is, but for forgeries, which never come twice.
 */
export class JwtIndex {
  private readonly rules = new Map<string, JwtRule>();
  private issuers = new Map<string, Map<string, Issuer>>();
  private readonly proofs = new Map<string, Proof>();
  private readonly options: KeySetOptions;

  constructor(options: KeySetOptions) {
    this.options = options;
  }

  /** Replaces what a tenant accepts; undefined for no tokens. */
  set(tenant: string, rule: JwtRule | undefined): void {
    if (!rule && !this.rules.has(tenant)) return;
    if (rule) this.rules.set(tenant, rule);
    else this.rules.delete(tenant);
    this.proofs.clear();
    this.regroup();
  }

  /** The caller of a token; a promise when it has to be proved first. Undefined, or rejected with an HttpError, when it is refused. */
  find({ text: token, digest }: Credential, now: number): Caller | undefined | Promise<Caller | undefined> {
    if (this.rules.size === 0) return undefined;
    const proof = this.proofs.get(digest);
    if (proof && proof.expiresAt > now && proof.keys.current() && proof.version === proof.keys.version) return proof.caller;
    this.proofs.delete(digest);
    const issuers = this.issuers.get(issuerOf(token) ?? '');
    return issuers && this.prove(token, digest, [...issuers.values()], now);
  }

  private async prove(token: string, digest: string, issuers: readonly Issuer[], now: number): Promise<Caller | undefined> {
    for (const { keys, rules } of issuers) {
      const payload = await verify(token, keys, now);
      const rule = payload && bestRule(rules, payload);
      // While it was proved the tenant may have changed.
      if (!rule || this.rules.get(rule.caller.tenant) !== rule) continue;
      if (this.proofs.size >= maxProved) this.proofs.delete(this.proofs.keys().next().value ?? '');
      const expiresAt = ((payload.exp ?? 0) + clockToleranceSeconds) * 1_000;
      this.proofs.set(digest, { caller: rule.caller, expiresAt, keys, version: keys.version });
      return rule.caller;
    }
    return undefined;
  }

  /** Tenants that name the same issuer and the same keys share them. */
  private regroup(): void {
    const before = this.issuers;
    this.issuers = new Map();
    for (const rule of this.rules.values()) {
      const { issuer, jwksUri } = rule.jwt;
      const sets = this.issuers.get(issuer) ?? new Map<string, Issuer>();
      this.issuers.set(issuer, sets);
      const known = sets.get(jwksUri ?? '');
      const keys = known?.keys ?? before.get(issuer)?.get(jwksUri ?? '')?.keys ?? new KeySet({ issuer, jwksUri }, this.options);
      sets.set(jwksUri ?? '', { keys, rules: [...(known?.rules ?? []), rule] });
    }
  }
}

/** The claims of a token that its issuer has signed and that has not expired; throws when nobody can tell now. */
async function verify(token: string, keys: KeySet, now: number): Promise<JWTPayload | undefined> {
  const check = async (): Promise<JWTPayload> => {
    const usable = await keys.usable();
    if (!usable) throw errors.issuerUnavailable().withHeaders({ 'retry-after': '5' });
    const options = { algorithms, clockTolerance: clockToleranceSeconds, requiredClaims: ['exp'], currentDate: new Date(now) };
    return (await jwtVerify(token, usable, options)).payload;
  };
  try {
    return await check().catch(async (error: unknown) => {
      // A key that is not known may be a new one.
      if (error instanceof joseErrors.JWKSNoMatchingKey && (await keys.refresh())) return check();
      throw error;
    });
  } catch (error) {
    if (error instanceof joseErrors.JOSEError) return undefined;
    throw error;
  }
}

/** Of the tenants that take these claims the one that asks for most of them; names decide between equals. */
function bestRule(rules: readonly JwtRule[], payload: JWTPayload): JwtRule | undefined {
  const asks = ({ jwt }: JwtRule) => Object.keys(jwt.claims ?? {}).length;
  return rules
    .filter(({ jwt }) => accepts(jwt, payload))
    .sort((a, b) => asks(b) - asks(a) || (a.caller.tenant < b.caller.tenant ? -1 : 1))[0];
}

/** A claim that is a list, such as groups, holds when the wanted text is in it. */
function accepts({ issuer, audiences, claims = {} }: TenantJwt, payload: JWTPayload): boolean {
  const isFor = [payload.aud ?? []].flat().some((audience) => audiences.includes(audience));
  const holds = ([name, wanted]: [string, string]) => [Object.hasOwn(payload, name) ? payload[name] : undefined].flat().includes(wanted);
  return payload.iss === issuer && isFor && Object.entries(claims).every(holds);
}

function issuerOf(token: string): string | undefined {
  try {
    return decodeJwt(token).iss;
  } catch {
    return undefined; // not a token after all
  }
}
