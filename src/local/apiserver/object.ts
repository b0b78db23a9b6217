import { isJsonObject, type JsonObject, type JsonValue, setField } from '../../core/json.ts';

/** The object's metadata; empty when it has none. */
export function metadataOf(object: JsonObject): JsonObject {
  return isJsonObject(object.metadata) ? object.metadata : {};
}

/** A metadata field that is text, else undefined. */
export function metadataText(object: JsonObject, field: string): string | undefined {
  const value = metadataOf(object)[field];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

export function nameOf(object: JsonObject): string {
  return metadataText(object, 'name') ?? '';
}

/** The revision at which the object was last written. */
export function revisionOf(object: JsonObject): number {
  return Number(metadataText(object, 'resourceVersion') ?? 0);
}

export function finalizersOf(object: JsonObject): readonly string[] {
  return strings(metadataOf(object).finalizers);
}

/** The text elements of a JSON list; empty when it is not a list. */
export function strings(value: JsonValue | undefined): readonly string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}

/** A copy with these metadata fields replaced; `undefined` removes one. */
export function withMetadata(object: JsonObject, fields: Readonly<Record<string, JsonValue | undefined>>): JsonObject {
  const metadata: JsonObject = { ...metadataOf(object) };
  for (const [field, value] of Object.entries(fields)) {
    if (value === undefined) delete metadata[field];
    else metadata[field] = value;
  }
  return { ...object, metadata };
}

/** The value at a dotted path such as `spec.replicas`, or undefined. */
export function valueAt(object: JsonObject, path: string): JsonValue | undefined {
  let value: JsonValue | undefined = object;
  for (const field of path.split('.').filter((part) => part !== '')) {
    if (!isJsonObject(value) || !Object.hasOwn(value, field)) return undefined;
    value = value[field];
  }
  return value;
}

/** A copy with the value at a dotted path replaced; missing objects on the way are made. */
export function withValueAt(object: JsonObject, path: string, value: JsonValue): JsonObject {
  const [field, ...rest] = path.split('.').filter((part) => part !== '');
  if (field === undefined) return object;
  if (rest.length === 0) return { ...object, [field]: value };
  const child = object[field];
  return { ...object, [field]: withValueAt(isJsonObject(child) ? child : {}, rest.join('.'), value) };
}

/** A deep, mutable copy. */
export function cloneJson<T extends JsonValue>(value: T): T;
export function cloneJson(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map((item) => cloneJson(item));
  if (!isJsonObject(value)) return value;
  const copy: JsonObject = {};
  for (const field of Object.keys(value)) {
    const item = value[field];
    if (item === undefined) continue;
    setField(copy, field, cloneJson(item));
  }
  return copy;
}

/** Freezes all the way down: what is stored is shared by every reader. */
export function freezeJson<T extends JsonValue>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const item of Object.values(value)) freezeJson(item);
  }
  return value;
}

const texts = new WeakMap<JsonObject, string>();

/** The object as JSON text, made once for each stored object however many watchers and lists send it. */
export function jsonText(object: JsonObject): string {
  if (!Object.isFrozen(object)) return JSON.stringify(object);
  let text = texts.get(object);
  if (text === undefined) {
    text = JSON.stringify(object);
    texts.set(object, text);
  }
  return text;
}
