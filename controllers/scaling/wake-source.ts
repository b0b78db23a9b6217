import type { Source } from '../../src/kube/index.ts';
import type { DemandWatch } from '../demand/demand-watch.ts';

/** Lets a controller hear at once, and before all else, of requests for a model that sleeps. */
export function wakeSource(demand: Pick<DemandWatch, 'of' | 'subscribe'>, sleeps: (key: string) => boolean): Source {
  return {
    start: (enqueue) =>
      demand.subscribe((key) => {
        if (sleeps(key) && demand.of(key).waiting > 0) enqueue(key, true);
      }),
    /** Nothing waits for the gateways: what is not heard yet is told as news. */
    synced: () => Promise.resolve(),
  };
}
