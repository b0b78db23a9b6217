import type { HPAScalingPolicy, HPAScalingRules } from 'kubernetes-types/autoscaling/v2.js';
import type { LoadTimes, ModelDeployment, ResolvedSpec } from '../../src/api/model-deployment.ts';
import { gpuScalingBehavior } from '../../src/api/scaling.ts';
import { modelIdentity } from '../modeldeployment/load-times.ts';
import { quantity } from './quantity.ts';

type Given = NonNullable<NonNullable<ResolvedSpec['scaling']>['behavior']>;

/** How long a model loads of which nothing is known. */
const unknownLoadSeconds = 60;

/** How the replicas of a deployment may change: our defaults for GPUs, and what the user says instead, field by field. */
export function behaviorOf(deployment: ModelDeployment, { scaleUp, scaleDown }: Given = {}) {
  const defaults = gpuScalingBehavior(loadSecondsOf(deployment));
  return { scaleUp: merged(defaults.scaleUp, scaleUp), scaleDown: merged(defaults.scaleDown, scaleDown) };
}

/** The published types do not have the tolerance yet. */
type Rules = HPAScalingRules & { readonly tolerance?: string | null };
type Defaults = Omit<HPAScalingRules, 'policies'> & { readonly policies: readonly HPAScalingPolicy[] };

function merged({ policies, ...defaults }: Defaults, given: Given['scaleUp'] = {}): Rules {
  const { tolerance, policies: own, ...others } = given;
  return {
    ...defaults,
    ...others,
    policies: [...(own ?? policies)],
    ...(tolerance !== undefined && { tolerance: quantity(Number(tolerance)) }),
  };
}

/**
 * The same for a patch: what is left out must not stay from before. Only there, for a server that does not know the field yet
 * refuses an object that names it.
 */
export function withoutOldTolerance({ scaleUp, scaleDown }: ReturnType<typeof behaviorOf>) {
  return { scaleUp: { tolerance: null, ...scaleUp }, scaleDown: { tolerance: null, ...scaleDown } };
}

/** The longest that this model is known to load on any kind of node: who goes may come back there. */
function loadSecondsOf({ spec, status }: ModelDeployment): number {
  const model = modelIdentity(spec);
  const loads = (status?.loadTimes ?? []).filter((times) => times.model === model).map(totalMs);
  return loads.length > 0 ? Math.max(...loads) / 1000 : unknownLoadSeconds;
}

function totalMs({ milliseconds }: LoadTimes): number {
  return Object.values(milliseconds).reduce((sum, ms) => sum + ms, 0);
}
