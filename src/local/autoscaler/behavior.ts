/** At most this change within a period: a number of pods, or a percentage of what there was when the period began. */
export type ScalingPolicy = {
  readonly type: 'Pods' | 'Percent';
  readonly value: number;
  readonly periodSeconds: number;
};

/** How replicas may change in one direction (`HPAScalingRules` of autoscaling/v2 with nothing left out). */
export type ScalingRules = {
  /** How long past recommendations count: the most cautious of them is followed. */
  readonly stabilizationWindowSeconds: number;
  /** Which policy decides: the one that allows most, the one that allows least, or none: no change in this direction. */
  readonly selectPolicy: 'Max' | 'Min' | 'Disabled';
  readonly policies: readonly ScalingPolicy[];
  /** A metric this close to its target (0.1: ten percent) asks for no change in this direction. */
  readonly tolerance: number;
};

export type Behavior = { readonly scaleUp: ScalingRules; readonly scaleDown: ScalingRules };

/** What an autoscaler's `spec.behavior` may say; what it leaves out is as Kubernetes has it. */
export type GivenBehavior = { readonly scaleUp?: Partial<ScalingRules>; readonly scaleDown?: Partial<ScalingRules> };

/** The documented defaults: doubling or four pods in 15 s at once; everything after five minutes of lower recommendations. */
const kubernetesDefaults: Behavior = {
  scaleUp: {
    stabilizationWindowSeconds: 0,
    selectPolicy: 'Max',
    policies: [
      { type: 'Percent', value: 100, periodSeconds: 15 },
      { type: 'Pods', value: 4, periodSeconds: 15 },
    ],
    tolerance: 0.1,
  },
  scaleDown: {
    stabilizationWindowSeconds: 300,
    selectPolicy: 'Max',
    policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }],
    tolerance: 0.1,
  },
};

/** Fills in what is not given. A given list of policies replaces the default one, as the API server does it. */
export function completeBehavior({ scaleUp, scaleDown }: GivenBehavior = {}): Behavior {
  return {
    scaleUp: { ...kubernetesDefaults.scaleUp, ...scaleUp },
    scaleDown: { ...kubernetesDefaults.scaleDown, ...scaleDown },
  };
}
