import { isJsonObject, type JsonObject, jsonEqual } from '../../../core/json.ts';
import { recordUpdate } from '../apply/field-managers.ts';
import type { ApiContext, Call, Reply } from '../context.ts';
import { establish, isCrd } from '../crds.ts';
import { isNamespace, keepHolders } from '../namespaces.ts';
import { readObject } from '../negotiation.ts';
import { finalizersOf, metadataOf, metadataText, nameOf, withMetadata } from '../object.ts';
import { inVersion, presentObject } from '../present.ts';
import { storageKey } from '../registry.ts';
import type { ResourceDefinition } from '../resource.ts';
import { statuses } from '../status.ts';
import { admit } from './admission.ts';
import { commit, type Decision, putIfChanged } from './commit.ts';
import { checkIdentity, type WriteOptions, writeOptions, writerOf } from './options.ts';

/** PUT of one object, or of its status. */
export async function update(context: ApiContext, call: Call): Promise<Reply> {
  const body = await readObject(call.request);
  const options = writeOptions(call.query);
  const writer = writerOf(context, call, 'Update');
  checkIdentity(call, body);
  const { definition } = call;
  if (!definition.builtin && metadataText(body, 'resourceVersion') === undefined) {
    throw statuses.invalid(definition, call.name ?? '', [
      { field: 'metadata.resourceVersion', reason: 'FieldValueInvalid', message: 'Invalid value: 0: must be specified for an update' },
    ]);
  }
  const { decision, object } = await commit(context, definition, storageKey(call.namespace, call.name ?? ''), options.dryRun, (current) =>
    decideUpdate(context, call, existing(call, current), body, options, (before, after) => recordUpdate(before, after, writer)),
  );
  return { code: 200, body: presentObject(context, call, object), warnings: decision.warnings };
}

/** The current object in the version of the request. Throws 404. */
export function existing(call: Call, current: JsonObject | undefined): JsonObject {
  if (!current) throw statuses.notFound(call.definition, call.name ?? '');
  return inVersion(call.definition, current);
}

/**
 * Turns a proposed object into what may be stored: checks what it was based on, keeps what this request may not change, admits it,
 * records who owns what, and deletes it when its last finalizer has gone.
 */
export function decideUpdate(
  context: ApiContext,
  call: Call,
  current: JsonObject,
  proposed: JsonObject,
  options: WriteOptions,
  record: (before: JsonObject, after: JsonObject) => JsonObject,
): Decision {
  const { definition, subresource } = call;
  checkPreconditions(definition, current, proposed);
  const kept = keepForeignFields(definition, subresource, current, proposed);
  checkFinalizers(definition, current, kept);
  const admitted = admit(definition, {
    operation: 'UPDATE',
    object: kept,
    old: current,
    fieldValidation: options.fieldValidation,
    ...(subresource === 'status' || subresource === 'scale' ? { subresource } : {}),
  });
  const settled = isCrd(definition) && subresource === undefined ? establish(context, admitted.object, current) : admitted.object;
  const object = withGeneration(definition, current, record(current, settled));
  const deletable = metadataText(object, 'deletionTimestamp') !== undefined && isReleased(object);
  return {
    mutation: deletable ? { op: 'delete', last: object } : putIfChanged(current, object, jsonEqual),
    object,
    warnings: admitted.warnings,
  };
}

/** True when nothing keeps an object that is being deleted: no finalizer, no grace period. */
export function isReleased(object: JsonObject): boolean {
  const grace = metadataOf(object).deletionGracePeriodSeconds;
  const spec = object.kind === 'Namespace' && isJsonObject(object.spec) ? object.spec : {};
  const held = Array.isArray(spec.finalizers) && spec.finalizers.length > 0;
  return finalizersOf(object).length === 0 && (typeof grace !== 'number' || grace === 0) && !held;
}

function checkPreconditions(definition: ResourceDefinition, current: JsonObject, proposed: JsonObject): void {
  const revision = metadataText(proposed, 'resourceVersion');
  if (revision !== undefined && revision !== '0' && revision !== metadataText(current, 'resourceVersion')) {
    throw statuses.modified(definition, nameOf(current));
  }
  const uid = metadataText(proposed, 'uid');
  if (uid !== undefined && uid !== metadataText(current, 'uid')) {
    throw statuses.conflict(
      definition,
      nameOf(current),
      `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${metadataText(current, 'uid')}`,
    );
  }
}

/** A write through one door changes what is behind that door only (API conventions, "spec and status"). */
function keepForeignFields(
  definition: ResourceDefinition,
  subresource: string | undefined,
  current: JsonObject,
  proposed: JsonObject,
): JsonObject {
  const { managedFields, labels, annotations } = metadataOf(proposed);
  if (subresource === 'status') {
    // Built-in kinds let a status write touch labels and annotations; custom resources do not.
    const metadata = definition.builtin ? { managedFields, labels, annotations } : { managedFields };
    const { status, ...rest } = withMetadata(current, metadata);
    return proposed.status === undefined ? rest : { ...rest, status: proposed.status };
  }
  const server = metadataOf(current);
  const object = withMetadata(
    { ...proposed, apiVersion: current.apiVersion ?? '', kind: current.kind ?? '' },
    Object.fromEntries(
      [
        'name',
        'namespace',
        'generateName',
        'uid',
        'resourceVersion',
        'generation',
        'creationTimestamp',
        'deletionTimestamp',
        'deletionGracePeriodSeconds',
      ].map((field) => [field, server[field]]),
    ),
  );
  const settled = isNamespace(definition) ? keepHolders(current, object) : object;
  if (!definition.subresources.status) return settled;
  const { status, ...rest } = settled;
  return current.status === undefined ? rest : { ...rest, status: current.status };
}

function checkFinalizers(definition: ResourceDefinition, current: JsonObject, proposed: JsonObject): void {
  if (metadataText(current, 'deletionTimestamp') === undefined) return;
  const before = finalizersOf(current);
  const added = finalizersOf(proposed).filter((finalizer) => !before.includes(finalizer));
  if (added.length === 0) return;
  const message = `Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{${added.map((each) => JSON.stringify(each)).join(', ')}}`;
  throw statuses.invalid(definition, nameOf(current), [{ field: 'metadata.finalizers', reason: 'FieldValueForbidden', message }]);
}

function withGeneration(definition: ResourceDefinition, before: JsonObject, after: JsonObject): JsonObject {
  if (!definition.tracksGeneration) return after;
  const { metadata: _, status: __, ...specBefore } = before;
  const { metadata: ___, status: ____, ...specAfter } = after;
  const generation = Number(metadataOf(before).generation ?? 0);
  return withMetadata(after, { generation: jsonEqual(specBefore, specAfter) ? generation : generation + 1 });
}
