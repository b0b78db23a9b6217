import { isJsonObject, type JsonObject } from '../../../core/json.ts';
import type { ApiContext, Call, Reply } from '../context.ts';
import { crdCleanupFinalizer, isCrd } from '../crds.ts';
import { isNamespace, terminating } from '../namespaces.ts';
import { mediaType, parseBody, readBody } from '../negotiation.ts';
import { finalizersOf, metadataOf, metadataText, nameOf, strings, withMetadata } from '../object.ts';
import { presentList, presentObject } from '../present.ts';
import { storageKey, storageResource } from '../registry.ts';
import type { ResourceDefinition } from '../resource.ts';
import { StatusError, statuses } from '../status.ts';
import { commit, type Decision } from './commit.ts';
import { isDryRun, timestamp } from './options.ts';
import { parseCount, selectorOf } from './read.ts';
import { isReleased } from './update.ts';

type Propagation = 'Orphan' | 'Background' | 'Foreground';

type DeleteOptions = {
  readonly gracePeriodSeconds: number | undefined;
  readonly propagation: Propagation | undefined;
  readonly uid: string | undefined;
  readonly resourceVersion: string | undefined;
  readonly dryRun: boolean;
};

type Deletion = Decision & { readonly gone: boolean };

const defaultPodGraceSeconds = 30;

/** DELETE of one object: at once, or when its grace period and finalizers allow. */
export async function remove(context: ApiContext, call: Call): Promise<Reply> {
  const options = await readDeleteOptions(call);
  const { definition } = call;
  const { decision, object } = await deleteObject(context, definition, storageKey(call.namespace, call.name ?? ''), options);
  if (!decision.gone) {
    const waits = options.propagation === 'Foreground' || options.propagation === 'Orphan';
    return { code: waits ? 202 : 200, body: presentObject(context, call, object) };
  }
  const details = { name: nameOf(object), ...(definition.group === '' ? {} : { group: definition.group }), kind: definition.plural };
  const uid = metadataText(object, 'uid') ?? '';
  return {
    code: 200,
    body: JSON.stringify({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details: { ...details, uid } }),
  };
}

/** DELETE of a collection: each selected object by itself. */
export async function removeCollection(context: ApiContext, call: Call): Promise<Reply> {
  const options = await readDeleteOptions(call);
  const { definition } = call;
  const chosen = context.store.list(storageResource(definition)).filter(selectorOf(call));
  const removed = await Promise.all(
    chosen.map(async (object) => {
      try {
        return [(await deleteObject(context, definition, storageKey(metadataText(object, 'namespace'), nameOf(object)), options)).object];
      } catch (error) {
        // Somebody else was faster: the goal is reached.
        if (error instanceof StatusError && error.code === 404) return [];
        throw error;
      }
    }),
  );
  return { code: 200, body: presentList(context, call, removed.flat(), { resourceVersion: String(context.store.revision) }) };
}

/** Deletes an object outside of a request, in the background. One that has gone already is no error. */
export async function deleteInBackground(context: ApiContext, definition: ResourceDefinition, object: JsonObject): Promise<void> {
  const options = {
    gracePeriodSeconds: undefined,
    propagation: 'Background' as const,
    uid: undefined,
    resourceVersion: undefined,
    dryRun: false,
  };
  try {
    await deleteObject(context, definition, storageKey(metadataText(object, 'namespace'), nameOf(object)), options);
  } catch (error) {
    if (!(error instanceof StatusError && error.code === 404)) throw error;
  }
}

function deleteObject(context: ApiContext, definition: ResourceDefinition, key: string, options: DeleteOptions) {
  return commit(context, definition, key, options.dryRun, (current) => {
    if (!current) throw statuses.notFound(definition, key.slice(key.indexOf('/') + 1));
    return decideDelete(definition, current, options, context.clock.now());
  });
}

function decideDelete(definition: ResourceDefinition, current: JsonObject, options: DeleteOptions, now: number): Deletion {
  checkPreconditions(definition, current, options);
  const deleting = metadataText(current, 'deletionTimestamp') !== undefined;
  const finalizers = finalizersAfter(definition, current, options.propagation, deleting);
  const grace = graceSeconds(definition, current, options.gracePeriodSeconds);
  const marked = mark(withFinalizers(current, finalizers), deleting, grace, now);
  const object = isNamespace(definition) ? terminating(marked) : marked;
  if (isReleased(object)) return { mutation: { op: 'delete', last: object }, object, warnings: [], gone: true };
  return { mutation: object === current ? { op: 'none' } : { op: 'put', object }, object, warnings: [], gone: false };
}

function checkPreconditions(definition: ResourceDefinition, current: JsonObject, options: DeleteOptions): void {
  const uid = metadataText(current, 'uid');
  const revision = metadataText(current, 'resourceVersion');
  if (options.uid !== undefined && options.uid !== uid) {
    throw statuses.conflict(
      definition,
      nameOf(current),
      `Precondition failed: UID in precondition: ${options.uid}, UID in object meta: ${uid}`,
    );
  }
  if (options.resourceVersion !== undefined && options.resourceVersion !== revision) {
    throw statuses.conflict(
      definition,
      nameOf(current),
      `Precondition failed: ResourceVersion in precondition: ${options.resourceVersion}, ResourceVersion in object meta: ${revision}`,
    );
  }
}

/** The propagation policy is carried out by the garbage collector, which reads it from the finalizers. */
function finalizersAfter(
  definition: ResourceDefinition,
  current: JsonObject,
  propagation: Propagation | undefined,
  deleting: boolean,
): readonly string[] {
  const before = finalizersOf(current);
  const others = propagation === undefined ? before : before.filter((each) => each !== 'orphan' && each !== 'foregroundDeletion');
  const policy = propagation === 'Orphan' ? ['orphan'] : propagation === 'Foreground' ? ['foregroundDeletion'] : [];
  const cleanup = isCrd(definition) && !deleting && !others.includes(crdCleanupFinalizer) ? [crdCleanupFinalizer] : [];
  return [...others, ...policy, ...cleanup];
}

function withFinalizers(object: JsonObject, finalizers: readonly string[]): JsonObject {
  const before = finalizersOf(object);
  const same = before.length === finalizers.length && before.every((each, index) => each === finalizers[index]);
  return same ? object : withMetadata(object, { finalizers: finalizers.length > 0 ? [...finalizers] : undefined });
}

/** Only pods are deleted gracefully: the kubelet stops them, then deletes them with grace 0. */
function graceSeconds(definition: ResourceDefinition, current: JsonObject, asked: number | undefined): number {
  if (definition.group !== '' || definition.plural !== 'pods') return 0;
  const spec = isJsonObject(current.spec) ? current.spec : {};
  const status = isJsonObject(current.status) ? current.status : {};
  // No kubelet has it, or it has ended: nobody would finish the deletion.
  if (!spec.nodeName || status.phase === 'Succeeded' || status.phase === 'Failed') return 0;
  const own = typeof spec.terminationGracePeriodSeconds === 'number' ? spec.terminationGracePeriodSeconds : defaultPodGraceSeconds;
  const grace = asked ?? own;
  return grace < 0 ? 1 : grace;
}

/** Marks the object as being deleted; a second deletion can only shorten the grace period. */
function mark(object: JsonObject, deleting: boolean, grace: number, now: number): JsonObject {
  const metadata = metadataOf(object);
  const before = typeof metadata.deletionGracePeriodSeconds === 'number' ? metadata.deletionGracePeriodSeconds : 0;
  if (deleting && grace >= before) return object;
  const began = deleting ? Date.parse(String(metadata.deletionTimestamp)) - before * 1000 : now;
  return withMetadata(object, {
    deletionTimestamp: timestamp(began + grace * 1000),
    deletionGracePeriodSeconds: grace,
    ...(typeof metadata.generation === 'number' ? { generation: metadata.generation + 1 } : {}),
  });
}

async function readDeleteOptions(call: Call): Promise<DeleteOptions> {
  const text = await readBody(call.request);
  const body = text.trim() === '' ? {} : parseBody(text, mediaType(call.request) === 'application/yaml');
  if (!isJsonObject(body)) throw statuses.badRequest('DeleteOptions must be an object');
  const preconditions = isJsonObject(body.preconditions) ? body.preconditions : {};
  const { gracePeriodSeconds } = body;
  if (gracePeriodSeconds !== undefined && gracePeriodSeconds !== null && !Number.isInteger(gracePeriodSeconds)) {
    throw statuses.badRequest('gracePeriodSeconds must be a whole number');
  }
  const inQuery = call.query.get('gracePeriodSeconds');
  return {
    gracePeriodSeconds: typeof gracePeriodSeconds === 'number' ? gracePeriodSeconds : parseCount(inQuery, 'gracePeriodSeconds'),
    propagation: readPropagation(body.propagationPolicy ?? call.query.get('propagationPolicy'), body.orphanDependents),
    uid: typeof preconditions.uid === 'string' ? preconditions.uid : undefined,
    resourceVersion: typeof preconditions.resourceVersion === 'string' ? preconditions.resourceVersion : undefined,
    dryRun: isDryRun([...strings(body.dryRun), ...call.query.getAll('dryRun')]),
  };
}

function readPropagation(
  policy: JsonObject[string] | undefined,
  orphanDependents: JsonObject[string] | undefined,
): Propagation | undefined {
  if (policy === undefined || policy === null || policy === '') {
    return typeof orphanDependents === 'boolean' ? (orphanDependents ? 'Orphan' : 'Background') : undefined;
  }
  if (policy === 'Orphan' || policy === 'Background' || policy === 'Foreground') return policy;
  throw statuses.badRequest(
    `propagationPolicy: Unsupported value: ${JSON.stringify(policy)}: supported values: "Foreground", "Background", "Orphan"`,
  );
}
