import { Gauge, type Registry } from 'prom-client';
import type { DemandWatch } from './demand-watch.ts';

/** Exports how long each gateway has been silent, of those that have requests or may get some: others have nothing to tell. */
export function exportStatsAge(registry: Registry, demand: Pick<DemandWatch, 'ages'>): void {
  new Gauge({
    name: 'modelfleet_gateway_stats_age_seconds',
    help: 'Time since this controller heard last how many requests wait at a gateway, by its pod.',
    labelNames: ['gateway'],
    registers: [registry],
    collect() {
      this.reset();
      for (const { gateway, ageMs } of demand.ages()) this.set({ gateway }, ageMs / 1_000);
    },
  });
}
