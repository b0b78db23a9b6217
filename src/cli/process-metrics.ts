import { collectDefaultMetrics, Registry } from 'prom-client';

/** The delay of the event loop is sampled this often: the usual 10 ms alone costs an idle process half a percent of a core. */
const eventLoopMonitoringPrecision = 100;

/** A registry that tells how the process fares: memory, CPU time, event loop, garbage collection. */
export function processMetrics(): Registry {
  const register = new Registry();
  collectDefaultMetrics({ register, eventLoopMonitoringPrecision });
  return register;
}
