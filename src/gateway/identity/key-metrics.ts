import { Gauge, type Registry } from 'prom-client';
import type { Keys } from '../ports.ts';

/** Tells when each key was used last. A scrape asks for it, so that a request costs one assignment. */
export function exportKeyUses(registry: Registry, keys: Pick<Keys, 'uses'>): void {
  new Gauge({
    name: 'modelfleet_gateway_key_last_used_timestamp_seconds',
    help: 'When a key of a tenant was used last at this gateway; absent when it has not been since the gateway started.',
    labelNames: ['tenant', 'key'],
    registers: [registry],
    collect() {
      this.reset();
      for (const { tenant, keyName, lastUsedAt } of keys.uses()) this.set({ tenant, key: keyName }, lastUsedAt / 1_000);
    },
  });
}
