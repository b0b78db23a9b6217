export type JsonValue = string | number | boolean | null | JsonObject | JsonValue[];
export type JsonObject = { [field: string]: JsonValue };

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
