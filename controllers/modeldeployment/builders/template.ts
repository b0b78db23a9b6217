import type { PodSpec } from 'kubernetes-types/core/v1.js';
import type { ResolvedSpec } from '../../../src/api/model-deployment.ts';
import { isJsonObject, type JsonObject, type JsonValue, jsonEqual } from '../../../src/core/json.ts';
import { applyStrategicMergePatch, PatchError, podMergeRule } from '../../../src/kube/index.ts';
import { workerContainerName } from './worker-container.ts';

/** What every replica of a deployment has in common. */
export type PodTemplate = {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly spec: PodSpec;
};

/** A template of the user laid over the operator's pod, or why it cannot be. */
export type Overlaid = { readonly pod: PodTemplate; readonly problem?: never } | { readonly pod?: never; readonly problem: string };

type UserTemplate = NonNullable<ResolvedSpec['template']>;

/**
 * Lays the user's template over the operator's pod by strategic merge. The container of the worker stays the first.
 * What the operator relies on must come out unchanged: whatever directive removed it, the message says which field does it instead.
 */
export function overlaid(own: PodTemplate, { metadata = {}, spec = {} }: UserTemplate): Overlaid {
  let merged: JsonObject;
  const operators = asJson(own.spec);
  try {
    merged = applyStrategicMergePatch({ spec: operators }, { spec }, podMergeRule);
  } catch (error) {
    if (!(error instanceof PatchError)) throw error;
    return { problem: `spec.template.spec cannot be merged into the pod: ${error.message}.` };
  }
  const result = isJsonObject(merged.spec) ? workerFirst(merged.spec) : {};
  const problem = changedOfOurs(operators, result);
  if (problem !== undefined) return { problem };
  return {
    pod: {
      labels: { ...metadata.labels, ...own.labels },
      annotations: { ...metadata.annotations, ...own.annotations },
      // The server judges what else is in it: it refuses a pod that is none, in words that the status shows.
      spec: result as unknown as PodSpec,
    },
  };
}

/** What the merge took from the operator that it cannot do without; undefined when all is there. */
function changedOfOurs(own: JsonObject, merged: JsonObject): string | undefined {
  const [before, after] = [workerOf(own), workerOf(merged)];
  if (merged.restartPolicy !== own.restartPolicy)
    return 'spec.template.spec.restartPolicy must stay Always: replicas are servers. Leave it out.';
  if (!after) return `spec.template.spec.containers removes container ${workerContainerName}, which serves the model: leave it in.`;
  if (!jsonEqual(after.args, before?.args))
    return `spec.template.spec.containers[${workerContainerName}].args are written by the operator: add yours in spec.engine.args.`;
  if (!hasAll(after.ports, before?.ports))
    return `spec.template.spec.containers[${workerContainerName}].ports changes a port of the operator: add ports beside http and management.`;
  if (!hasAll(after.envFrom, before?.envFrom))
    return `spec.template.spec.containers[${workerContainerName}].envFrom leaves out the Secret of spec.model.secretRef, for that list is replaced: name it there too.`;
  if (!(Number(merged.terminationGracePeriodSeconds) >= Number(own.terminationGracePeriodSeconds)))
    return `spec.template.spec.terminationGracePeriodSeconds is shorter than spec.rollout.drainTimeout needs (${own.terminationGracePeriodSeconds}): lower that, or leave the grace out.`;
  return undefined;
}

function workerOf({ containers }: JsonObject): JsonObject | undefined {
  return Array.isArray(containers) ? containers.filter(isJsonObject).find(({ name }) => name === workerContainerName) : undefined;
}

function hasAll(list: JsonValue | undefined, wanted: JsonValue | undefined): boolean {
  if (!Array.isArray(wanted)) return true;
  return Array.isArray(list) && wanted.every((item) => list.some((other) => jsonEqual(item, other)));
}

/** Strategic merge puts new items first, and people and tools take the first container for the one that matters. */
function workerFirst(spec: JsonObject): JsonObject {
  const { containers } = spec;
  const worker = workerOf(spec);
  return Array.isArray(containers) && worker ? { ...spec, containers: [worker, ...containers.filter((one) => one !== worker)] } : spec;
}

/** Without fields that are undefined, which JSON does not know. */
function asJson(spec: PodSpec): JsonObject {
  return JSON.parse(JSON.stringify(spec)) as JsonObject;
}
