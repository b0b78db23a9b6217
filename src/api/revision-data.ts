import { isDeepStrictEqual } from 'node:util';
import { isJsonObject, type JsonObject, type JsonPatchOperation, type JsonValue } from '../core/json.ts';
import type { ModelDeployment } from './model-deployment.ts';
import { annotations } from './resources.ts';

type Path = readonly string[];

/** Where a ModelDeployment says what its pods are like. All that joins the revision's hash lies below one of these. */
const podPaths: readonly Path[] = [
  ['metadata', 'annotations', annotations.restartedAt],
  ['spec', 'model'],
  ['spec', 'engine'],
  ['spec', 'resources'],
  ['spec', 'placement'],
  ['spec', 'cache'],
  ['spec', 'template'],
  ['spec', 'rollout', 'drainTimeout'],
  ['spec', 'health', 'wedgeTimeout'],
];

/**
 * The part of a deployment that its pods are made from, as its user wrote it: what a ControllerRevision keeps.
 * Its fields are sorted, as Go writes them: an API server takes other bytes for a change of what is immutable, and whoever patches
 * the revision (the garbage collector, say) has the whole of it written anew.
 */
export function revisionData(deployment: ModelDeployment): JsonObject {
  const data = podPaths.reduce<JsonObject>((before, path) => {
    const value = at(deployment, path);
    return value === undefined ? before : withValue(before, path, value);
  }, {});
  return sorted(data);
}

/** What makes the pods of a deployment those of `data` again and changes nothing else; empty when they are that already. */
export function rollbackPatch(deployment: ModelDeployment, data: JsonObject): readonly JsonPatchOperation[] {
  return podPaths.flatMap((path) => restore(deployment, path, at(data, path)));
}

/** The deployment with the pods of `data`, and all else as it is. */
export function withRevisionData(deployment: ModelDeployment, data: JsonObject): ModelDeployment {
  const whole = podPaths.reduce<JsonObject>(
    (before, path) => {
      const value = at(data, path);
      return value === undefined ? without(before, path) : withValue(before, path, value);
    },
    deployment as unknown as JsonObject,
  );
  return whole as unknown as ModelDeployment;
}

/** One field that differs between two revisions; undefined where it is not set. */
export type FieldChange = { readonly field: string; readonly before: JsonValue | undefined; readonly after: JsonValue | undefined };

/** The fields in which two revisions differ, named as in the ModelDeployment, those of the spec without `spec.`. */
export function revisionChanges(before: JsonObject, after: JsonObject): readonly FieldChange[] {
  return changesBelow(before, after, []);
}

function restore(deployment: ModelDeployment, path: Path, value: JsonValue | undefined): readonly JsonPatchOperation[] {
  const present = at(deployment, path);
  if (isDeepStrictEqual(present, value)) return [];
  if (value === undefined) return [{ op: 'remove', path: pointer(path) }];
  const parents = path
    .map((_, depth) => path.slice(0, depth))
    .filter((parent) => parent.length > 0 && at(deployment, parent) === undefined)
    .map((parent) => ({ op: 'add', path: pointer(parent), value: {} }) as const);
  return [...parents, { op: 'add', path: pointer(path), value }];
}

function changesBelow(before: JsonValue | undefined, after: JsonValue | undefined, path: Path): readonly FieldChange[] {
  if (isDeepStrictEqual(before, after)) return [];
  const names = isBranch(before) && isBranch(after) ? fieldsOf(before, after) : [];
  if (names.length > 0) return names.flatMap((name) => changesBelow(at(before, [name]), at(after, [name]), [...path, name]));
  return [{ field: (path[0] === 'spec' ? path.slice(1) : path).join('.'), before, after }];
}

/** An object, or nothing where the other revision has one: its fields are told one by one. */
function isBranch(value: JsonValue | undefined): value is JsonObject | undefined {
  return value === undefined || isJsonObject(value);
}

function fieldsOf(...objects: readonly (JsonObject | undefined)[]): readonly string[] {
  return [...new Set(objects.flatMap((object) => Object.keys(object ?? {})))];
}

function at(value: unknown, path: Path): JsonValue | undefined {
  let found: unknown = value;
  for (const name of path) found = isJsonObject(found) ? found[name] : undefined;
  return found as JsonValue | undefined;
}

function withValue(object: JsonObject, [name = '', ...rest]: Path, value: JsonValue): JsonObject {
  const inner = object[name];
  return { ...object, [name]: rest.length === 0 ? value : withValue(isJsonObject(inner) ? inner : {}, rest, value) };
}

function without(object: JsonObject, [name = '', ...rest]: Path): JsonObject {
  const { [name]: inner, ...others } = object;
  if (rest.length === 0 || inner === undefined) return others;
  return { ...object, [name]: isJsonObject(inner) ? without(inner, rest) : inner };
}

function sorted<T extends JsonValue>(value: T): T;
function sorted(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map((item) => sorted(item));
  if (!isJsonObject(value)) return value;
  const fields = Object.entries(value).map(([name, inner]) => [name, sorted(inner)] as const);
  return Object.fromEntries(fields.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** A JSON pointer (RFC 6901). */
function pointer(path: Path): string {
  return path.map((name) => `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}
