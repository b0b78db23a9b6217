import { isDeepStrictEqual } from 'node:util';
import { isJsonObject, type JsonObject, type JsonValue } from '../../../core/json.ts';
import type { FieldError, ResourceDefinition } from '../resource.ts';
import { labelProblems, subdomainProblems } from '../schema/names.ts';
import { forbidden, invalid, required } from '../schema/paths.ts';
import { objectsAt } from './columns.ts';
import { at, builtin } from './define.ts';
import { podColumns } from './pod-columns.ts';

/** Always for images without a tag or with `latest`, which may change under their name; else IfNotPresent. */
function pullPolicy(image: JsonValue | undefined): string {
  const reference = typeof image === 'string' ? image : '';
  const tag = reference.includes('@') ? 'digest' : /:([^/]*)$/.exec(reference)?.[1];
  return tag === undefined || tag === 'latest' ? 'Always' : 'IfNotPresent';
}

function prepareContainers(containers: JsonValue | undefined): JsonValue | undefined {
  if (!Array.isArray(containers)) return containers;
  return containers.map((container) =>
    isJsonObject(container) ? { ...container, imagePullPolicy: container.imagePullPolicy ?? pullPolicy(container.image) } : container,
  );
}

function prepare(pod: JsonObject, creating: boolean): JsonObject {
  const spec = isJsonObject(pod.spec) ? { ...pod.spec } : undefined;
  if (!spec) return pod;
  for (const list of ['containers', 'initContainers', 'ephemeralContainers']) {
    const prepared = prepareContainers(spec[list]);
    if (prepared !== undefined) spec[list] = prepared;
  }
  const account = spec.serviceAccountName ?? spec.serviceAccount;
  if (account !== undefined) Object.assign(spec, { serviceAccountName: account, serviceAccount: account });
  // A pod starts its life as Pending whatever its creator says (pod strategy, PrepareForCreate).
  return { ...pod, spec, ...(creating && { status: { phase: 'Pending', qosClass: qosClass(spec) } }) };
}

function qosClass(spec: JsonObject): string {
  const resources = objectsAt({ spec }, 'spec', 'containers').map((each) => (isJsonObject(each.resources) ? each.resources : {}));
  const names = ['cpu', 'memory'];
  const guaranteed = resources.every((each) =>
    names.every(
      (name) =>
        at(each, 'limits', name) !== undefined &&
        isDeepStrictEqual(at(each, 'requests', name) ?? at(each, 'limits', name), at(each, 'limits', name)),
    ),
  );
  if (resources.length > 0 && guaranteed) return 'Guaranteed';
  return resources.some((each) => names.some((name) => at(each, 'limits', name) !== undefined || at(each, 'requests', name) !== undefined))
    ? 'Burstable'
    : 'BestEffort';
}

function validatePod(pod: JsonObject): FieldError[] {
  const errors: FieldError[] = [];
  const containers = objectsAt(pod, 'spec', 'containers');
  if (containers.length === 0) errors.push(required('spec.containers'));
  const volumes = new Set(objectsAt(pod, 'spec', 'volumes').map((each) => each.name));
  for (const list of ['initContainers', 'containers']) {
    for (const [index, container] of objectsAt(pod, 'spec', list).entries()) {
      const path = `spec.${list}[${index}]`;
      const name = String(container.name ?? '');
      errors.push(...labelProblems(name).map((problem) => invalid(`${path}.name`, name, problem)));
      if (container.image === '') errors.push(required(`${path}.image`));
      for (const [mountIndex, mount] of objectsAt(container, 'volumeMounts').entries()) {
        if (!volumes.has(mount.name)) {
          errors.push({
            field: `${path}.volumeMounts[${mountIndex}].name`,
            reason: 'FieldValueNotFound',
            message: `Not found: ${JSON.stringify(mount.name)}`,
          });
        }
      }
    }
  }
  return errors;
}

/** What may change in a pod's spec after creation; nodeName once, because there is no binding subresource here. */
function immutablePart(pod: JsonObject, old: JsonObject): JsonValue {
  const spec = isJsonObject(pod.spec) ? structuredClone(pod.spec) : {};
  for (const list of ['containers', 'initContainers']) for (const container of objectsAt({ spec }, 'spec', list)) delete container.image;
  delete spec.activeDeadlineSeconds;
  delete spec.terminationGracePeriodSeconds;
  delete spec.tolerations;
  delete spec.schedulingGates;
  if (at(old, 'spec', 'nodeName') === undefined) delete spec.nodeName;
  return spec;
}

function validateUpdate(pod: JsonObject, old: JsonObject): FieldError[] {
  if (isDeepStrictEqual(immutablePart(pod, old), immutablePart(old, old))) return [];
  return [
    forbidden(
      'spec',
      'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)',
    ),
  ];
}

export const pods: ResourceDefinition = builtin({
  group: '',
  version: 'v1',
  kind: 'Pod',
  plural: 'pods',
  model: 'V1Pod',
  namespaced: true,
  shortNames: ['po'],
  categories: ['all'],
  subresources: { status: true, log: true },
  selectableFields: [
    'spec.nodeName',
    'spec.restartPolicy',
    'spec.schedulerName',
    'spec.serviceAccountName',
    'spec.hostNetwork',
    'status.phase',
    'status.podIP',
    'status.nominatedNodeName',
  ],
  tracksGeneration: true,
  columns: podColumns,
  hooks: {
    nameProblems: subdomainProblems,
    prepare: (pod, request) => prepare(pod, request.operation === 'CREATE'),
    validate: (pod, request) => [
      ...validatePod(pod),
      ...(request.old && request.subresource === undefined ? validateUpdate(pod, request.old) : []),
    ],
  },
});
