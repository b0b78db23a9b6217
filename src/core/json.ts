export type JsonValue = string | number | boolean | null | JsonObject | JsonValue[];
export type JsonObject = { [field: string]: JsonValue };

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Deep equality of JSON; the order of fields does not matter. */
export function jsonEqual(a: JsonValue | undefined, b: JsonValue | undefined): boolean {
  if (a === b) return true;
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((item, index) => jsonEqual(item, b[index]));
  if (!isJsonObject(a) || !isJsonObject(b)) return false;
  const fields = Object.keys(a);
  return fields.length === Object.keys(b).length && fields.every((field) => Object.hasOwn(b, field) && jsonEqual(a[field], b[field]));
}

/** Sets a field even when its name is `__proto__`, which plain assignment would lose. */
export function setField(target: JsonObject, field: string, value: JsonValue): void {
  if (field === '__proto__') Object.defineProperty(target, field, { value, enumerable: true, configurable: true, writable: true });
  else target[field] = value;
}

/** One operation of a JSON patch (RFC 6902), of those that we use. */
export type JsonPatchOperation =
  | { readonly op: 'add' | 'test'; readonly path: string; readonly value: JsonValue }
  | { readonly op: 'remove'; readonly path: string };
