import { isJsonObject, type JsonObject, type JsonValue } from '../../../core/json.ts';
import { metadataOf, withMetadata } from '../object.ts';
import { FieldSet } from './field-set.ts';

/** Who wrote: a manager by one operation through one subresource. */
export type ManagerId = {
  readonly manager: string;
  readonly operation: 'Apply' | 'Update';
  readonly apiVersion: string;
  readonly subresource: string | undefined;
};

/** One owner and what it owns. `time` is RFC 3339. */
export type Ownership = ManagerId & { readonly time: string | undefined; readonly fields: FieldSet };

const updateManagersAtMost = 10;

/** Reads metadata.managedFields; entries that cannot be read own nothing and are dropped. */
export function readManagers(object: JsonObject): Ownership[] {
  const entries = metadataOf(object).managedFields;
  if (!Array.isArray(entries)) return [];
  return entries.flatMap((entry) => readEntry(entry) ?? []);
}

function readEntry(entry: JsonValue): Ownership[] | undefined {
  if (!isJsonObject(entry) || entry.fieldsType !== 'FieldsV1' || typeof entry.manager !== 'string') return undefined;
  if (entry.operation !== 'Apply' && entry.operation !== 'Update') return undefined;
  return [
    {
      manager: entry.manager,
      operation: entry.operation,
      apiVersion: typeof entry.apiVersion === 'string' ? entry.apiVersion : '',
      subresource: typeof entry.subresource === 'string' && entry.subresource !== '' ? entry.subresource : undefined,
      time: typeof entry.time === 'string' ? entry.time : undefined,
      fields: FieldSet.fromJson(entry.fieldsV1),
    },
  ];
}

/** The object with these owners recorded, appliers first and then by time, as the API server orders them. */
export function writeManagers(object: JsonObject, owners: readonly Ownership[]): JsonObject {
  const entries = bounded(owners.filter((owner) => !owner.fields.isEmpty))
    .sort(inOrder)
    .map(entryOf);
  return withMetadata(object, { managedFields: entries.length > 0 ? entries : undefined });
}

function entryOf({ manager, operation, apiVersion, subresource, time, fields }: Ownership): JsonObject {
  return {
    manager,
    operation,
    apiVersion,
    ...(time === undefined ? {} : { time }),
    fieldsType: 'FieldsV1',
    fieldsV1: fields.toJson(),
    ...(subresource === undefined ? {} : { subresource }),
  };
}

function inOrder(a: Ownership, b: Ownership): number {
  if (a.operation !== b.operation) return a.operation === 'Apply' ? -1 : 1;
  return (a.time ?? '').localeCompare(b.time ?? '') || a.manager.localeCompare(b.manager);
}

/** Many updaters are one too many for an object: beyond ten the oldest become one, `ancient-changes`. */
function bounded(owners: readonly Ownership[]): Ownership[] {
  const appliers = owners.filter(({ operation }) => operation === 'Apply');
  const updaters = owners.filter(({ operation }) => operation === 'Update').sort(inOrder);
  const excess = updaters.length - updateManagersAtMost;
  if (excess <= 0) return [...appliers, ...updaters];
  const old = updaters.slice(0, excess + 1);
  const first = old[0];
  if (!first) return [...appliers, ...updaters];
  const fields = old.reduce((union, owner) => union.union(owner.fields), new FieldSet());
  return [...appliers, { ...first, manager: 'ancient-changes', subresource: undefined, fields }, ...updaters.slice(excess + 1)];
}

/** Whether two entries are the same owner. An applier stays itself when it moves to another API version. */
export function sameOwner(a: ManagerId, b: ManagerId): boolean {
  return (
    a.manager === b.manager &&
    a.operation === b.operation &&
    a.subresource === b.subresource &&
    (a.operation === 'Apply' || a.apiVersion === b.apiVersion)
  );
}
