import { revisionOf } from '../../controllers/modeldeployment/builders/revision.ts';
import { type ControllerRevision, controllerRevisions } from '../../controllers/modeldeployment/controller-revision.ts';
import { hashOf } from '../../controllers/modeldeployment/history.ts';
import type { ModelDeployment } from '../api/model-deployment.ts';
import { modelDeploymentSpec } from '../api/model-deployment-spec.ts';
import { isReplicaReady } from '../api/replica.ts';
import { annotations, labels, modelDeploymentResource } from '../api/resources.ts';
import { type FieldChange, revisionChanges, rollbackPatch } from '../api/revision-data.ts';
import { isJsonObject, type JsonObject, type JsonPatchOperation, type JsonValue } from '../core/json.ts';
import { isNotFound, type KubeClient, type ObjectRef, type Pod, pods, resourceType } from '../kube/index.ts';

export const modelDeployments = resourceType<ModelDeployment>(modelDeploymentResource);

/** One revision of a deployment. */
export type Revision = {
  readonly number: number;
  /** When it became what the deployment is made of, last; RFC 3339. */
  readonly since: string | undefined;
  /** What pods are made of now. */
  readonly current: boolean;
  readonly loaded: number;
  readonly replicas: number;
  readonly data: JsonObject;
  /** What differs from the revision before it; undefined for the first that is known. */
  readonly changes: readonly FieldChange[] | undefined;
  /** What brings it back. */
  readonly patch: readonly JsonPatchOperation[];
};

/** What the cluster knows of a deployment and its past. */
export type Past = { readonly deployment: ModelDeployment; readonly revisions: readonly Revision[] };

/** Reads a deployment and its revisions, oldest first. Throws an Error that says what is not there. */
export async function readPast(client: KubeClient, ref: ObjectRef): Promise<Past> {
  const deployment = await client.get(modelDeployments, ref).catch((error: unknown) => {
    if (!isNotFound(error)) throw error;
    throw new Error(`There is no ModelDeployment ${ref.name} in namespace ${ref.namespace}.`, { cause: error });
  });
  const { namespace } = ref;
  const [kept, replicas] = await Promise.all([
    client.list(controllerRevisions, { namespace, labelSelector: `${labels.managedBy}=modelfleet,${labels.instance}=${ref.name}` }),
    client.list(pods, { namespace, labelSelector: `${labels.model}=${ref.name}` }),
  ]);
  const revisions = revisionsOf(deployment, kept.items, replicas.items);
  if (revisions.length === 0)
    throw new Error(
      `ModelDeployment ${ref.name} has no revisions yet. The controller keeps the first one when it makes the pods: see kubectl describe mdep/${ref.name}.`,
    );
  return { deployment, revisions };
}

/** The revisions of a deployment, oldest first. */
function revisionsOf(deployment: ModelDeployment, kept: readonly ControllerRevision[], replicas: readonly Pod[]): readonly Revision[] {
  const { uid } = deployment.metadata;
  const own = kept.filter(({ metadata }) => metadata.ownerReferences?.some((owner) => owner.controller && owner.uid === uid));
  const ordered = [...own].sort((a, b) => a.revision - b.revision);
  const asked = askedHash(deployment, new Set(ordered.map(hashOf)));
  const patches = ordered.map((one) => rollbackPatch(deployment, dataOf(one)));
  const current = ordered.findLastIndex((one, index) => hashOf(one) === asked || patches[index]?.length === 0);
  return ordered.map((one, index) => {
    const before = ordered[index - 1];
    const pods = replicas.filter(({ metadata }) => metadata.labels?.[labels.revision] === hashOf(one));
    return {
      number: one.revision,
      since: one.metadata.annotations?.[annotations.currentSince] ?? one.metadata.creationTimestamp,
      current: index === current,
      loaded: pods.filter(isReplicaReady).length,
      replicas: pods.length,
      data: dataOf(one),
      changes: before && revisionChanges(dataOf(before), dataOf(one)),
      patch: patches[index] ?? [],
    };
  });
}

/** The revision with this number. Throws an Error that names those that there are. */
export function revisionNumbered({ deployment, revisions }: Past, number: number): Revision {
  const found = revisions.find((revision) => revision.number === number);
  if (found) return found;
  const numbers = revisions.map((revision) => revision.number).join(', ');
  throw new Error(`ModelDeployment ${deployment.metadata.name} has no revision ${number}; it has ${numbers}.`);
}

/** A change for people: `engine.tuning.maxSequences 4 → 8`. */
export function describeChange({ field, before, after }: FieldChange): string {
  return `${field} ${shown(before)} → ${shown(after)}`;
}

/** The revision whose pods the deployment asks for: what follows from its spec, or what a controller of another version made of it. */
function askedHash(deployment: ModelDeployment, known: ReadonlySet<string>): string | undefined {
  const { metadata, spec, status } = deployment;
  const parsed = modelDeploymentSpec.safeParse(spec);
  const own = parsed.success ? revisionOf(deployment, parsed.data) : undefined;
  if (own !== undefined && known.has(own)) return own;
  return status?.observedGeneration === metadata.generation ? status?.revision : own;
}

function dataOf({ data }: ControllerRevision): JsonObject {
  return isJsonObject(data) ? data : {};
}

const shownLength = 60;

function shown(value: JsonValue | undefined): string {
  const text = value === undefined ? '(unset)' : typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > shownLength ? `${text.slice(0, shownLength - 1)}…` : text;
}
