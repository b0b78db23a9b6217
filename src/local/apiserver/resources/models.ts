import * as client from '@kubernetes/client-node';
import { isJsonObject, type JsonObject } from '../../../core/json.ts';
import { type Overlay, overlays } from './overlays.ts';

type Attribute = { readonly baseName: string; readonly type: string; readonly format: string };

const exported: Readonly<Record<string, unknown>> = client;

/** Attributes of a class generated from the Kubernetes OpenAPI document; undefined when `name` is no such class. */
function attributes(name: string): readonly Attribute[] | undefined {
  const model = exported[name];
  if (typeof model !== 'function' || !('attributeTypeMap' in model)) return undefined;
  return model.attributeTypeMap as readonly Attribute[];
}

const anything = { 'x-kubernetes-preserve-unknown-fields': true } as const satisfies JsonObject;
const quantity: JsonObject = { 'x-kubernetes-int-or-string': true, anyOf: [{ type: 'number' }, { type: 'string' }], format: 'quantity' };

function typeSchema(type: string, format: string, parents: readonly string[]): JsonObject {
  const list = /^Array<(.*)>$/.exec(type)?.[1];
  if (list !== undefined) return { type: 'array', items: typeSchema(list, format, parents), 'x-kubernetes-list-type': 'atomic' };
  const map = /^\{ \[key: string\]: (.*); \}$/.exec(type)?.[1];
  if (map !== undefined) return { type: 'object', additionalProperties: typeSchema(map, format, parents) };
  switch (type) {
    case 'string':
      return format === 'byte' ? { type: 'string', format } : { type: 'string' };
    case 'boolean':
      return { type: 'boolean' };
    case 'number':
      return format === 'double' || format === 'float' ? { type: 'number', format } : { type: 'integer', ...(format && { format }) };
    case 'Date':
    case 'V1MicroTime':
      return { type: 'string', format: 'date-time' };
    case 'IntOrString':
      return { 'x-kubernetes-int-or-string': true, anyOf: [{ type: 'integer' }, { type: 'string' }] };
    case 'any':
      return { ...anything };
    default:
      // JSONSchemaProps contains itself; a cycle ends where it would begin again.
      return parents.includes(type) ? { type: 'object', ...anything } : structSchema(type, parents);
  }
}

function structSchema(name: string, parents: readonly string[]): JsonObject {
  const fields = attributes(name);
  if (!fields) throw new Error(`${name} is not a model of the Kubernetes client`);
  // Ephemeral containers and containers are declared twice upstream with the same fields.
  const overlay: Overlay = overlays[name === 'V1EphemeralContainer' ? 'V1Container' : name] ?? {};
  const properties: JsonObject = {};
  for (const { baseName, type, format } of fields) {
    const schema = overlay.opaque?.includes(baseName) ? { type: 'object', ...anything } : typeSchema(type, format, [...parents, name]);
    properties[baseName] = refine(schema, baseName, overlay);
  }
  return {
    type: 'object',
    properties,
    ...(overlay.required && { required: [...overlay.required] }),
    ...(overlay.atomic && { 'x-kubernetes-map-type': 'atomic' }),
  };
}

function refine(schema: JsonObject, field: string, overlay: Overlay): JsonObject {
  const refined = { ...schema };
  if (overlay.quantities?.includes(field)) {
    if (!isJsonObject(schema.additionalProperties)) return { ...quantity };
    refined.additionalProperties = { ...quantity };
  }
  const list = overlay.lists?.[field];
  if (list === 'set') Object.assign(refined, { 'x-kubernetes-list-type': 'set', 'x-kubernetes-patch-strategy': 'merge' });
  else if (list) {
    Object.assign(refined, { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': [...list] });
    // Strategic merge patch knows one key only; upstream names the first.
    const merged = { 'x-kubernetes-patch-strategy': 'merge', 'x-kubernetes-patch-merge-key': list[0] ?? '' };
    Object.assign(refined, overlay.replaced?.includes(field) ? { 'x-kubernetes-patch-strategy': 'replace' } : merged);
  }
  if (overlay.atomicMaps?.includes(field)) refined['x-kubernetes-map-type'] = 'atomic';
  const values = overlay.enums?.[field];
  if (values) refined.enum = [...values];
  const minimum = overlay.minimums?.[field];
  if (minimum !== undefined) refined.minimum = minimum;
  const fallback = overlay.defaults?.[field];
  if (fallback !== undefined) refined.default = fallback;
  return refined;
}

/** OpenAPI v3 schema of a built-in type, for example `V1Pod`: fields and types from the generated client, the rest from the overlays. */
export function modelSchema(name: string): JsonObject {
  return structSchema(name, []);
}
