import { completeBehavior, type GivenBehavior } from '../../../src/local/autoscaler/behavior.ts';
import { type History, withScale } from '../../../src/local/autoscaler/history.ts';
import { decide, type HpaSpec } from '../../../src/local/autoscaler/hpa.ts';
import type { Scaler, Sight } from './simulation.ts';

export type Limits = { readonly target: number; readonly maxReplicas: number; readonly startReplicas: number };

/** As `modelfleet_requests_in_system` tells. */
const requestsInSystem = ({ held, queued, running }: Sight) => held + queued + running;

/** The HPA algorithm on the requests in the system with an AverageValue, asked at the pace of Kubernetes' controller. */
export function hpa({ target, maxReplicas, startReplicas }: Limits, given: GivenBehavior): Scaler {
  const spec: HpaSpec = { minReplicas: 1, maxReplicas, behavior: completeBehavior(given) };
  let history: History | undefined;
  return {
    everySeconds: 15,
    startReplicas,
    replicasFor(sight) {
      const now = sight.second * 1000;
      const scale = { specReplicas: sight.replicas, statusReplicas: sight.replicas, readyReplicas: sight.ready };
      const reading = {
        metric: 'requests',
        target: { kind: 'AverageValue', value: target },
        observed: { kind: 'values', values: [requestsInSystem(sight)] },
      } as const;
      const { replicas, history: next } = decide(spec, { scale, readings: [reading] }, history, now);
      history = replicas === sight.replicas ? next : withScale(next, sight.replicas, replicas, now);
      return replicas;
    },
  };
}

const kubeaiReadings = 60;
const kubeaiLowerReadings = 3;

/**
 * KubeAI's rule: every 10 s the mean of the active requests over 10 minutes, divided by the target and rounded up;
 * fewer replicas only after three readings that asked for fewer (its scaleDownDelaySeconds of 30).
 * Source: internal/modelautoscaler, internal/movingaverage and internal/modelclient of kubeai-project/kubeai.
 */
export function kubeai({ target, maxReplicas, startReplicas }: Limits, activeBefore: number): Scaler {
  const window = Array<number>(kubeaiReadings).fill(activeBefore);
  let [at, lower] = [0, 0];
  return {
    everySeconds: 10,
    startReplicas,
    replicasFor(sight) {
      window[at] = requestsInSystem(sight);
      at = (at + 1) % kubeaiReadings;
      const mean = window.reduce((sum, active) => sum + active, 0) / kubeaiReadings;
      const wanted = Math.min(maxReplicas, Math.max(1, Math.ceil(mean / target)));
      // The count of lower readings starts anew with a reading that is not lower, not with a step down.
      if (wanted >= sight.replicas) lower = 0;
      else if (lower < kubeaiLowerReadings) {
        lower += 1;
        return sight.replicas;
      }
      return wanted;
    },
  };
}
