import type { ModelLoad } from '../../src/api/fleet-metrics.ts';
import type { Demand } from './demand.ts';
import type { WorkerLoad } from './worker-reports.ts';

/** What a model has to do: by the gateways, and by its workers where those have more than the gateways know of. */
export function modelLoad(demand: Demand, workers: WorkerLoad): ModelLoad {
  return {
    inSystem: Math.max(demand.inSystem, workers.inSystem),
    // For the gateways what waits in a worker runs.
    waiting: demand.waiting + workers.waiting,
    tokensInFlight: demand.tokensInFlight,
    timeToFirstTokenSeconds: (demand.ttftMillis ?? 0) / 1000,
    kvCacheUsage: workers.kvCache?.usage,
  };
}
