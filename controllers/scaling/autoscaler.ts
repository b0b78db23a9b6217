import type { HorizontalPodAutoscaler as ApiHorizontalPodAutoscaler } from 'kubernetes-types/autoscaling/v2.js';
import { type KubeObject, resourceType, type Served } from '../../src/kube/index.ts';

export type HorizontalPodAutoscaler = Served<ApiHorizontalPodAutoscaler> & KubeObject;

export const horizontalPodAutoscalers = resourceType<HorizontalPodAutoscaler>({
  group: 'autoscaling',
  version: 'v2',
  kind: 'HorizontalPodAutoscaler',
  plural: 'horizontalpodautoscalers',
  namespaced: true,
});
