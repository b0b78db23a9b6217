import { isDeepStrictEqual } from 'node:util';
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import { isJsonObject, type JsonObject, type JsonValue } from '../../../core/json.ts';
import type { FieldError } from '../resource.ts';
import { stringFormats } from './formats.ts';
import { goRegExp } from './go-regexp.ts';
import { fieldPath, indexPath } from './paths.ts';
import { wordSchemaError } from './wording.ts';

const int32 = 2 ** 31;
const kept = [
  'enum',
  'minLength',
  'maxLength',
  'minItems',
  'maxItems',
  'minProperties',
  'maxProperties',
  'uniqueItems',
  'multipleOf',
  'required',
] as const;
const compositions = ['allOf', 'anyOf', 'oneOf'] as const;

function createAjv(): Ajv {
  const regExp = Object.assign((pattern: string) => goRegExp(pattern), { code: 'goRegExp' });
  const ajv = new Ajv({
    allErrors: true,
    strict: false,
    verbose: true,
    messages: false,
    inlineRefs: false,
    meta: false,
    validateSchema: false,
    code: { regExp },
  });
  for (const [name, validate] of Object.entries(stringFormats)) ajv.addFormat(name, { type: 'string', validate });
  ajv.addFormat('int32', { type: 'number', validate: (value: number) => value >= -int32 && value < int32 });
  return ajv;
}

/** JSON Schema (draft 7) of an OpenAPI v3 structural schema, for ajv. Equal structs are written once: a pod has many probes and selectors. */
function jsonSchema(schema: JsonObject): JsonObject {
  const definitions: JsonObject = {};
  const names = new Map<string, string>();

  function share(struct: JsonObject): JsonObject {
    const text = JSON.stringify(struct);
    let name = names.get(text);
    if (name === undefined) {
      name = `struct${names.size}`;
      names.set(text, name);
      definitions[name] = struct;
    }
    return { $ref: `#/definitions/${name}` };
  }

  function convert(from: JsonObject): JsonObject {
    const out = ownKeywords(from);
    if (isJsonObject(from.properties)) {
      const properties: JsonObject = {};
      for (const [name, each] of Object.entries(from.properties)) {
        if (!isJsonObject(each)) continue;
        const property = convert(each);
        // ajv takes long over schemas, and a property that promises nothing needs no check.
        if (Object.keys(property).length > 0) properties[name] = property;
      }
      out.properties = properties;
    }
    if (isJsonObject(from.additionalProperties)) out.additionalProperties = convert(from.additionalProperties);
    if (isJsonObject(from.items)) out.items = convert(from.items);
    for (const name of compositions) if (Array.isArray(from[name])) out[name] = from[name].filter(isJsonObject).map(convert);
    if (isJsonObject(from.not)) out.not = convert(from.not);
    // Branches of compositions carry no type; they stay inline, so that an error's path tells that it lies in one.
    return from.type === 'object' && out.properties ? share(out) : out;
  }

  const root = convert(schema);
  return { ...root, definitions };
}

/** The keywords of a schema that concern the value itself. */
function ownKeywords(schema: JsonObject): JsonObject {
  const out: JsonObject = {};
  for (const name of kept) if (schema[name] !== undefined) out[name] = schema[name];
  if (typeof schema.type === 'string') out.type = schema.nullable === true ? [schema.type, 'null'] : schema.type;
  if (schema['x-kubernetes-int-or-string'] === true) out.type = schema.format === 'quantity' ? ['number', 'string'] : ['integer', 'string'];
  if (schema['x-kubernetes-embedded-resource'] === true) out.required = [...new Set([...asList(schema.required), 'apiVersion', 'kind'])];
  if (Array.isArray(schema.enum) && schema.nullable === true) out.enum = [...schema.enum, null];
  if (typeof schema.pattern === 'string') out.pattern = schema.pattern;
  if (typeof schema.format === 'string' && (schema.format in stringFormats || schema.format === 'int32')) out.format = schema.format;
  bound(schema, out, 'minimum', 'exclusiveMinimum');
  bound(schema, out, 'maximum', 'exclusiveMaximum');
  return out;
}

function asList(value: JsonValue | undefined): JsonValue[] {
  return Array.isArray(value) ? value : [];
}

/** OpenAPI v3.0 makes a bound exclusive by a boolean beside it, JSON Schema by another keyword. */
function bound(
  schema: JsonObject,
  out: JsonObject,
  keyword: 'minimum' | 'maximum',
  exclusive: 'exclusiveMinimum' | 'exclusiveMaximum',
): void {
  const limit = schema[keyword];
  if (typeof limit === 'number') out[schema[exclusive] === true ? exclusive : keyword] = limit;
}

export type SchemaValidator = (object: JsonObject, old?: JsonObject) => FieldError[];

/**
 * Validates values of an OpenAPI v3 schema and words what is wrong as the Kubernetes API server does.
 * With `old` given, a value that breaks the schema but did not change is tolerated (ratcheting, KEP-4008).
 * Compiled on first use: most kinds of a server are never written.
 */
export function schemaValidator(schema: JsonObject): SchemaValidator {
  let validate: ValidateFunction | undefined;
  return (object, old) => {
    validate ??= createAjv().compile(jsonSchema(schema));
    if (validate(object)) return [];
    const errors = (validate.errors ?? []).filter((error) => !insideComposition(error) && !(old && unchanged(error, object, old)));
    return errors.map((error) => wordSchemaError(error, pathOf(object, pointer(error))));
  };
}

/** What fails inside one branch of anyOf, oneOf or not is summed up by the error of the keyword itself. */
function insideComposition(error: ErrorObject): boolean {
  return /\/(anyOf|oneOf)\/\d+\/|\/not\//.test(error.schemaPath);
}

function pointer(error: ErrorObject): string[] {
  return error.instancePath
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function lookUp(value: JsonValue | undefined, parts: readonly string[]): JsonValue | undefined {
  return parts.reduce<JsonValue | undefined>((each, part) => {
    if (Array.isArray(each)) return each[Number(part)];
    return isJsonObject(each) && Object.hasOwn(each, part) ? each[part] : undefined;
  }, value);
}

function unchanged(error: ErrorObject, object: JsonObject, old: JsonObject): boolean {
  const parts = pointer(error);
  const before = lookUp(old, parts);
  return parts.length > 0 && before !== undefined && isDeepStrictEqual(before, lookUp(object, parts));
}

function pathOf(object: JsonObject, parts: readonly string[]): string {
  let path = '';
  let at: JsonValue | undefined = object;
  for (const part of parts) {
    path = Array.isArray(at) ? indexPath(path, Number(part)) : fieldPath(path, part);
    at = lookUp(at, [part]);
  }
  return path;
}
