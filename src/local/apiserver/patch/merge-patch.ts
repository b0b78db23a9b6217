import { isJsonObject, type JsonObject, type JsonValue, setField } from '../../../core/json.ts';

/** Applies an RFC 7386 merge patch: null removes, objects merge, everything else replaces. */
export function applyMergePatch(object: JsonObject, patch: JsonObject): JsonObject {
  const result: JsonObject = { ...object };
  for (const [field, value] of Object.entries(patch)) {
    if (value === null) delete result[field];
    else setField(result, field, merged(object[field], value));
  }
  return result;
}

function merged(current: JsonValue | undefined, patch: JsonValue): JsonValue {
  if (!isJsonObject(patch)) return patch;
  return applyMergePatch(isJsonObject(current) ? current : {}, patch);
}
