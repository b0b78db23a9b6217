import type { ObjectMeta } from 'kubernetes-types/meta/v1.js';
import { z } from 'zod';
import { dnsLabel, int32, sha256, stringMap, text } from './fields.ts';
import type { apiVersion } from './resources.ts';
import { keyLimits, tenantLimits } from './tenant-limits.ts';

const key = z.object({
  name: dnsLabel.describe('Tells the keys of a tenant apart.'),
  hash: sha256.describe('`sha256:` and the hexadecimal SHA-256 of the whole key; the key itself never lives in the cluster.'),
  expiresAt: z
    .string()
    .max(64)
    .refine((text) => !Number.isNaN(Date.parse(text)), 'write an instant such as 2027-01-31T00:00:00Z')
    .meta({ format: 'date-time' })
    .describe('The key is refused from this instant on; never when not given.')
    .exactOptional(),
  limits: keyLimits.describe('Limits of this key alone, beside those of its tenant.').exactOptional(),
});

/** Keys over plain HTTP could be replaced on the way: only this machine and the cluster's own Services may have them so. */
const keyAddress = text(
  /^(https:\/\/[a-zA-Z0-9.-]+|http:\/\/(localhost|127\.0\.0\.1|[a-z0-9.-]+\.svc|[a-z0-9.-]+\.svc\.cluster\.local))(:[0-9]+)?(\/[^ ?#]*)?$/,
  1_024,
  'write an https:// address; http:// only for localhost and for Services of the cluster',
);

const jwt = z.object({
  issuer: keyAddress.describe('What the claim `iss` must be, letter by letter.'),
  audiences: z
    .array(z.string().min(1).max(253))
    .min(1)
    .max(16)
    .meta({ 'x-kubernetes-list-type': 'atomic' })
    .describe('The claim `aud` must hold one of these.'),
  jwksUri: keyAddress.describe('Where the public keys of the issuer are; its OpenID configuration tells when absent.').exactOptional(),
  claims: stringMap(253)
    .describe(
      'Claims that a token must have with these values, as elements where the claim is a list. Who matches is a caller of this tenant.',
    )
    .exactOptional(),
});

const allowedModels = z.object({
  names: z
    .array(z.string().min(1).max(253))
    .max(256)
    .meta({ 'x-kubernetes-list-type': 'atomic' })
    .describe('Public names, or `namespace/name`.')
    .exactOptional(),
  selector: z
    .object({ matchLabels: stringMap(63).describe('Labels that the ModelDeployment must have, all of them.') })
    .describe('Deployments by their labels.')
    .exactOptional(),
});

export const tenantSpec = z
  .object({
    displayName: z.string().max(253).describe('For people.').exactOptional(),
    keys: z
      .array(key)
      .max(64)
      .default([])
      .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'] })
      .describe('API keys of the tenant. `modelfleet keys create` makes one and prints it once.'),
    jwt: jwt
      .describe(
        'Tokens of an identity provider that are taken instead of a key. A token that suits several tenants goes to the one with most claims.',
      )
      .exactOptional(),
    models: allowedModels
      .describe('Models that the tenant may use: those that are named and those that are selected. All of them when absent.')
      .exactOptional(),
    limits: tenantLimits.describe('What the tenant may use, all its keys together. No limits when absent.').exactOptional(),
    weight: int32(1, 1_000)
      .default(1)
      .describe('Share of a busy model: a tenant of weight 2 gets twice the tokens of a tenant of weight 1.'),
    priority: int32(-100, 100).default(0).describe('Requests of a higher priority leave the queue first.'),
  })
  .describe('Who may call, and how much.');

/** A Tenant as it travels: raw JSON. */
export type Tenant = {
  readonly apiVersion: typeof apiVersion;
  readonly kind: 'Tenant';
  readonly metadata: ObjectMeta & { readonly name: string };
  readonly spec: z.input<typeof tenantSpec>;
};
export type TenantSpec = Tenant['spec'];
export type TenantKey = z.infer<typeof key>;
export type TenantJwt = z.infer<typeof jwt>;
export type AllowedModels = z.infer<typeof allowedModels>;
