/** The longest window that autoscaling/v2 allows. */
const longestWindowSeconds = 3_600;

/**
 * How replicas scale unless `spec.scaling.behavior` says otherwise, as `behavior` of an autoscaling/v2 HorizontalPodAutoscaler.
 * Up at once, because callers wait. Down after five minutes, or after twice the time that loading takes where that is longer: a replica
 * that goes and is wanted again costs a load and those who wait for it. A window of whole minutes changes rarely when the time is measured.
 */
export function gpuScalingBehavior(loadSeconds: number) {
  const window = Math.min(longestWindowSeconds, Math.max(300, 60 * Math.ceil((2 * loadSeconds) / 60)));
  return {
    scaleUp: {
      stabilizationWindowSeconds: 0,
      selectPolicy: 'Max',
      policies: [
        { type: 'Percent', value: 100, periodSeconds: 15 },
        { type: 'Pods', value: 4, periodSeconds: 15 },
      ],
    },
    scaleDown: {
      stabilizationWindowSeconds: window,
      selectPolicy: 'Max',
      policies: [
        { type: 'Percent', value: 50, periodSeconds: 60 },
        { type: 'Pods', value: 1, periodSeconds: 60 },
      ],
    },
  } as const;
}
