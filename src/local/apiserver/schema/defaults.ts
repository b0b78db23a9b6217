import { isJsonObject, type JsonObject, type JsonValue } from '../../../core/json.ts';
import type { Structural } from './structural.ts';

/** Fills absent fields with the schema's defaults, outermost first, so that a default's own fields get theirs too. The input is not changed. */
export function applyDefaults(object: JsonObject, schema: Structural): JsonObject {
  return fill(object, schema) as JsonObject;
}

function fill(value: JsonValue, schema: Structural): JsonValue {
  if (Array.isArray(value)) {
    const items = schema.items;
    return items ? value.map((item) => fill(item, items)) : value;
  }
  if (!isJsonObject(value)) return value;
  const filled = Object.entries(value).map(([name, child]): [string, JsonValue] => {
    const known = schema.properties[name] ?? (schema.additional === true ? undefined : schema.additional);
    return [name, known ? fill(child, known) : child];
  });
  for (const [name, known] of Object.entries(schema.properties)) {
    if (!Object.hasOwn(value, name) && known.default !== undefined) filled.push([name, fill(structuredClone(known.default), known)]);
  }
  // Not by assignment: a field may be named __proto__.
  return Object.fromEntries(filled);
}
