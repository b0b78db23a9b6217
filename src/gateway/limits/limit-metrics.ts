import { Gauge, type Registry } from 'prom-client';
import type { LimitStore } from './store.ts';

/** Tells whether the limits are counted together with other gateways, where they should be. */
export function exportSharing(registry: Registry, limits: Pick<LimitStore, 'shared'>): void {
  new Gauge({
    name: 'modelfleet_gateway_limits_shared',
    help: '1 while limits are counted together with the other gateways, 0 while their store is gone; absent without one.',
    registers: [registry],
    collect() {
      this.reset();
      if (limits.shared === undefined) this.remove();
      else this.set(limits.shared ? 1 : 0);
    },
  });
}
