import { isJsonObject, type JsonObject, jsonEqual } from '../../../core/json.ts';
import { metadataOf, withMetadata } from '../object.ts';
import type { ResourceDefinition } from '../resource.ts';
import { type StatusCause, type StatusError, statuses } from '../status.ts';
import { FieldSet, pathText } from './field-set.ts';
import { type ManagerId, type Ownership, readManagers, sameOwner, writeManagers } from './managers.ts';
import { mergeTyped, removeGivenUp } from './merge.ts';
import { compare, fieldsOf } from './typed.ts';

/** A write to be recorded: by whom, when (RFC 3339), of what kind. */
export type Writer = { readonly id: ManagerId; readonly now: string; readonly definition: ResourceDefinition };

const serverOwned = [
  'name',
  'namespace',
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'selfLink',
  'managedFields',
];
const lastAppliedAnnotation = 'kubectl.kubernetes.io/last-applied-configuration';

/**
 * Records an update, create or patch: the writer owns what it changed, and nobody owns any longer what it removed or changed over them.
 * Owners that the new object itself brings along replace the recorded ones, so that clients can migrate them.
 */
export function recordUpdate(before: JsonObject | undefined, after: JsonObject, writer: Writer): JsonObject {
  const given = metadataOf(after).managedFields;
  if (before && isReset(given)) return withMetadata(after, { managedFields: undefined });
  const brought = before ? readManagers(after) : [];
  const owners = brought.length > 0 ? brought : before ? readManagers(before) : [];
  const rule = writer.definition.merge;
  const { added, modified, removed } = compare(ownable(before ?? {}, writer), ownable(after, writer), rule);
  const changed = added.union(modified);
  const others = owners
    .filter((owner) => !sameOwner(owner, writer.id))
    .map((owner) => ({ ...owner, fields: owner.fields.difference(changed).difference(removed) }));
  const mine = owners.find((owner) => sameOwner(owner, writer.id));
  const fields = (mine?.fields ?? new FieldSet()).difference(removed).union(changed);
  return writeManagers(after, [...others, owned(writer, fields, mine)]);
}

/**
 * Applies a configuration to the live object (server-side apply): what it names is set and owned, what this manager named before and
 * no longer does is removed unless others own it. Throws a 409 Status that names the other owners of changed fields, unless `force`.
 */
export function applyConfiguration(live: JsonObject | undefined, config: JsonObject, writer: Writer, force: boolean): JsonObject {
  try {
    return applyOnce(live, config, writer, force);
  } catch (error) {
    if (!(error instanceof ApplyConflict) || !live) throw asStatus(error);
    // kubectl moves from client-side to server-side apply: what client-side apply recorded as applied is the user's own.
    const allowed = writer.id.manager === 'kubectl' ? lastApplied(live, writer) : new FieldSet();
    const left = error.conflicts
      .map(({ owner, fields }) => ({ owner, fields: fields.difference(allowed) }))
      .filter(({ fields }) => !fields.isEmpty);
    if (left.length > 0) throw new ApplyConflict(left).toStatus();
    return applyOnce(live, config, writer, true);
  }
}

function applyOnce(live: JsonObject | undefined, config: JsonObject, writer: Writer, force: boolean): JsonObject {
  const rule = writer.definition.merge;
  const wanted = withoutNulls(config);
  const intent = ownedFields(wanted, writer);
  const before = live ? ownersBeforeApply(live, writer) : [];
  const mine = before.find((owner) => sameOwner(owner, writer.id));
  const others = before.filter((owner) => owner !== mine);
  const merged = mergeTyped(live ?? {}, wanted, rule);
  const kept = others.reduce((union, owner) => union.union(owner.fields), intent);
  const pruned = mine ? removeGivenUp(merged, rule, mine.fields, kept) : merged;
  if (!isJsonObject(pruned)) throw statuses.badRequest('the applied configuration must be an object');

  const { added, modified, removed } = compare(ownable(live ?? {}, writer), ownable(pruned, writer), rule);
  const changed = added.union(modified);
  const conflicts = others.map((owner) => ({ owner, fields: owner.fields.intersection(changed) })).filter(({ fields }) => !fields.isEmpty);
  if (conflicts.length > 0 && !force) throw new ApplyConflict(conflicts);
  const remaining = others.map((owner) => ({ ...owner, fields: owner.fields.difference(changed).difference(removed) }));
  const unchanged = live !== undefined && added.isEmpty && modified.isEmpty && removed.isEmpty;
  return writeManagers(keepLastApplied(live, pruned, config, writer), [...remaining, owned(writer, intent, unchanged ? mine : undefined)]);
}

/** What exists before the first apply and has no recorded owner belongs to somebody: it must be forced, not overwritten. */
function ownersBeforeApply(live: JsonObject, writer: Writer): Ownership[] {
  const owners = readManagers(live);
  if (owners.length > 0) return owners;
  const id: ManagerId = { ...writer.id, manager: 'before-first-apply', operation: 'Update', subresource: undefined };
  return [{ ...id, time: writer.now, fields: ownedFields(live, writer) }];
}

/** The time of an entry moves only when its fields do. */
function owned(writer: Writer, fields: FieldSet, previous: Ownership | undefined): Ownership {
  const time = previous?.fields.equals(fields) ? previous.time : writer.now;
  return { ...writer.id, time, fields };
}

/** The part of an object that managers own: not what the server sets, and only what the written subresource can change. */
function ownable(object: JsonObject, { id, definition }: Writer): JsonObject {
  const metadata: JsonObject = { ...metadataOf(object) };
  for (const field of serverOwned) delete metadata[field];
  const { apiVersion, kind, ...rest } = object;
  const all: JsonObject = { ...rest, metadata };
  if (id.subresource === 'status')
    return { metadata: definition.builtin ? metadata : {}, ...(all.status === undefined ? {} : { status: all.status }) };
  if (definition.subresources.status) delete all.status;
  return all;
}

/** Every place that an object sets and that managers can own; metadata itself is not one. */
function ownedFields(object: JsonObject, writer: Writer): FieldSet {
  const { metadata, ...rest } = ownable(object, writer);
  return fieldsOf(isJsonObject(metadata) && Object.keys(metadata).length > 0 ? { ...rest, metadata } : rest, writer.definition.merge);
}

function isReset(managedFields: JsonObject[string] | undefined): boolean {
  if (!Array.isArray(managedFields)) return false;
  return managedFields.length === 0 || (managedFields.length === 1 && jsonEqual(managedFields[0], {}));
}

function lastApplied(live: JsonObject, writer: Writer): FieldSet {
  const annotation = lastAppliedText(live);
  if (annotation === undefined) return new FieldSet();
  try {
    const config: unknown = JSON.parse(annotation);
    return isJsonObject(config) ? ownedFields(config, writer) : new FieldSet();
  } catch {
    // Somebody wrote something else into the annotation: it allows nothing.
    return new FieldSet();
  }
}

/** Keeps kubectl's annotation in step, so that a user may return to client-side apply. */
function keepLastApplied(live: JsonObject | undefined, after: JsonObject, config: JsonObject, writer: Writer): JsonObject {
  if (writer.id.manager !== 'kubectl' || !live || lastAppliedText(live) === undefined || lastAppliedText(after) === undefined) return after;
  const annotations = metadataOf(after).annotations;
  return withMetadata(after, {
    annotations: { ...(isJsonObject(annotations) ? annotations : {}), [lastAppliedAnnotation]: `${JSON.stringify(config)}\n` },
  });
}

function lastAppliedText(object: JsonObject): string | undefined {
  const annotations = metadataOf(object).annotations;
  const text = isJsonObject(annotations) ? annotations[lastAppliedAnnotation] : undefined;
  return typeof text === 'string' && text !== '' ? text : undefined;
}

/** A null in a configuration has no opinion about its field. */
function withoutNulls(object: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(object).flatMap(([field, value]) =>
      value === null ? [] : [[field, isJsonObject(value) ? withoutNulls(value) : value]],
    ),
  );
}

type Conflict = { readonly owner: Ownership; readonly fields: FieldSet };

class ApplyConflict extends Error {
  readonly conflicts: readonly Conflict[];

  constructor(conflicts: readonly Conflict[]) {
    super('apply conflict');
    this.conflicts = conflicts;
  }

  toStatus(): StatusError {
    const causes: (StatusCause & { owner: string; path: string })[] = this.conflicts.flatMap(({ owner, fields }) =>
      [...fields.paths()].map((path) => ({
        reason: 'FieldManagerConflict',
        message: `conflict with ${ownerText(owner)}`,
        field: pathText(path),
        owner: ownerText(owner),
        path: pathText(path),
      })),
    );
    const byOwner = Map.groupBy(causes, ({ owner }) => owner);
    const [only] = causes;
    const message =
      causes.length === 1 && only
        ? `Apply failed with 1 conflict: conflict with ${only.owner}: ${only.path}`
        : `Apply failed with ${causes.length} conflicts: ${[...byOwner]
            .map(([owner, those]) => `conflicts with ${owner}:\n${those.map(({ path }) => `- ${path}`).join('\n')}`)
            .join('\n')}`;
    return statuses.applyConflict(
      message,
      causes.map(({ reason, message: text, field }) => ({ reason, message: text, ...(field === undefined ? {} : { field }) })),
    );
  }
}

function asStatus(error: unknown): unknown {
  return error instanceof ApplyConflict ? error.toStatus() : error;
}

function ownerText({ manager, operation, apiVersion, subresource, time }: Ownership): string {
  const name = `${JSON.stringify(manager)}${subresource === undefined ? '' : ` with subresource ${JSON.stringify(subresource)}`}`;
  if (operation === 'Apply') return name;
  return time === undefined ? `${name} using ${apiVersion}` : `${name} using ${apiVersion} at ${time}`;
}
