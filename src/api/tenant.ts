import type { ObjectMeta } from 'kubernetes-types/meta/v1.js';
import { z } from 'zod';
import { dnsLabel, sha256 } from './fields.ts';
import type { apiVersion } from './resources.ts';

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
  })
  .describe('Who may call, and how much.');

/** A Tenant as it travels: raw JSON. */
export type Tenant = {
  readonly apiVersion: typeof apiVersion;
  readonly kind: 'Tenant';
  readonly metadata: ObjectMeta & { readonly name: string };
  readonly spec: z.input<typeof tenantSpec>;
};
export type TenantKey = z.infer<typeof key>;
