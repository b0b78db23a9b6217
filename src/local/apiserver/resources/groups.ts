import { isJsonObject, type JsonObject } from '../../../core/json.ts';
import type { FieldError, ResourceDefinition } from '../resource.ts';
import { invalid } from '../schema/paths.ts';
import { ageColumn, column, objectsAt, textAt } from './columns.ts';
import { at, builtin } from './define.ts';

function controllerOf(object: JsonObject): string {
  const owner = objectsAt(object, 'metadata', 'ownerReferences').find((each) => each.controller === true);
  if (!owner) return '<none>';
  const group = String(owner.apiVersion).includes('/') ? `.${String(owner.apiVersion).split('/')[0]}` : '';
  return `${String(owner.kind).toLowerCase()}${group}/${owner.name}`;
}

/** One metric of an autoscaler as `current/target`. */
function metricTarget(metric: JsonObject, current: JsonObject | undefined): string {
  const kind = String(metric.type ?? '');
  const source = `${kind.charAt(0).toLowerCase()}${kind.slice(1)}`;
  const target = at(metric, source, 'target');
  const value = at(current ?? {}, source, 'current');
  const read = (each: unknown): string | undefined => {
    if (!isJsonObject(each)) return undefined;
    if (each.averageUtilization !== undefined) return `${each.averageUtilization}%`;
    if (each.averageValue !== undefined)
      return source === 'external' || source === 'object' ? `${each.averageValue} (avg)` : `${each.averageValue}`;
    return each.value === undefined ? undefined : `${each.value}`;
  };
  const name = kind === 'Resource' ? `${at(metric, 'resource', 'name')}: ` : '';
  return `${name}${read(value) ?? '<unknown>'}/${read(target) ?? '<auto>'}`;
}

function metricTargets(autoscaler: JsonObject): string {
  const metrics = objectsAt(autoscaler, 'spec', 'metrics');
  const current = objectsAt(autoscaler, 'status', 'currentMetrics');
  return metrics.map((metric, index) => metricTarget(metric, current[index])).join(', ') || '<none>';
}

function validateAutoscaler(autoscaler: JsonObject): FieldError[] {
  const min = at(autoscaler, 'spec', 'minReplicas');
  const max = at(autoscaler, 'spec', 'maxReplicas');
  if (typeof min !== 'number' || typeof max !== 'number' || max >= min) return [];
  return [invalid('spec.maxReplicas', max, 'must be greater than or equal to `minReplicas`')];
}

/** The built-in kinds outside core/v1 and apiextensions. */
export const groupResources: readonly ResourceDefinition[] = [
  builtin({
    group: 'coordination.k8s.io',
    version: 'v1',
    kind: 'Lease',
    plural: 'leases',
    model: 'V1Lease',
    namespaced: true,
    columns: [column('Holder', textAt(['spec', 'holderIdentity'])), ageColumn],
  }),
  builtin({
    group: 'apps',
    version: 'v1',
    kind: 'ControllerRevision',
    plural: 'controllerrevisions',
    model: 'V1ControllerRevision',
    namespaced: true,
    columns: [column('Controller', controllerOf), column('Revision', textAt(['revision'])), ageColumn],
  }),
  builtin({
    group: 'autoscaling',
    version: 'v2',
    kind: 'HorizontalPodAutoscaler',
    plural: 'horizontalpodautoscalers',
    model: 'V2HorizontalPodAutoscaler',
    namespaced: true,
    shortNames: ['hpa'],
    categories: ['all'],
    subresources: { status: true },
    columns: [
      column('Reference', (hpa) => `${at(hpa, 'spec', 'scaleTargetRef', 'kind')}/${at(hpa, 'spec', 'scaleTargetRef', 'name')}`),
      column('Targets', metricTargets),
      column('MinPods', textAt(['spec', 'minReplicas'], '<unset>')),
      column('MaxPods', textAt(['spec', 'maxReplicas'])),
      column('Replicas', textAt(['status', 'currentReplicas'], '0')),
      ageColumn,
    ],
    hooks: { validate: validateAutoscaler },
  }),
  builtin({
    group: 'policy',
    version: 'v1',
    kind: 'PodDisruptionBudget',
    plural: 'poddisruptionbudgets',
    model: 'V1PodDisruptionBudget',
    namespaced: true,
    shortNames: ['pdb'],
    subresources: { status: true },
    tracksGeneration: true,
    columns: [
      column('Min Available', textAt(['spec', 'minAvailable'], 'N/A')),
      column('Max Unavailable', textAt(['spec', 'maxUnavailable'], 'N/A')),
      column('Allowed Disruptions', textAt(['status', 'disruptionsAllowed'], '0')),
      ageColumn,
    ],
  }),
];
