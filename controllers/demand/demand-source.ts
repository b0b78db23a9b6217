import type { Clock } from '../../src/core/clock.ts';
import type { Source } from '../../src/kube/index.ts';
import type { DemandWatch } from './demand-watch.ts';

/** How long after a news of a model the next may be told. */
const paceMs = 5_000;

/** Lets a controller hear of deployments whose requests wait at gateways: at once, and then at most every five seconds. */
export function demandSource(demand: Pick<DemandWatch, 'subscribe'>, clock: Clock): Source {
  return {
    start(enqueue) {
      const stop = new AbortController();
      /** Models that were told of within the pace, and whether there has been news since. */
      const resting = new Map<string, boolean>();
      const tell = (model: string) => {
        resting.set(model, false);
        enqueue(model);
        clock.sleep(paceMs, stop.signal).then(
          () => {
            if (resting.get(model)) tell(model);
            else resting.delete(model);
          },
          () => {}, // stopped: nobody listens
        );
      };
      const unsubscribe = demand.subscribe((model) => {
        if (resting.has(model)) resting.set(model, true);
        else tell(model);
      });
      return () => {
        unsubscribe();
        stop.abort();
      };
    },
    /** Nothing waits for the gateways: what is not heard yet is told as news. */
    synced: () => Promise.resolve(),
  };
}
