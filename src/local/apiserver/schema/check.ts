import { isJsonObject, type JsonObject, type JsonValue } from '../../../core/json.ts';
import type { FieldError } from '../resource.ts';
import { applyDefaults } from './defaults.ts';
import { goRegExp } from './go-regexp.ts';
import { fieldPath, forbidden, indexPath, invalid, keyPath, required, unsupported } from './paths.ts';
import { prune } from './prune.ts';
import { structure } from './structural.ts';
import { schemaValidator } from './validate.ts';

const types = ['string', 'integer', 'number', 'boolean', 'array', 'object'];
const validations = new Set([
  ...['enum', 'format', 'maximum', 'exclusiveMaximum', 'minimum', 'exclusiveMinimum', 'maxLength', 'minLength', 'pattern', 'multipleOf'],
  ...[
    'maxItems',
    'minItems',
    'uniqueItems',
    'maxProperties',
    'minProperties',
    'required',
    'allOf',
    'anyOf',
    'oneOf',
    'not',
    'properties',
    'items',
  ],
]);
const structural = new Set([
  ...['type', 'additionalProperties', 'default', 'nullable', 'title', 'description', 'example', 'externalDocs'],
  ...['x-kubernetes-preserve-unknown-fields', 'x-kubernetes-embedded-resource', 'x-kubernetes-int-or-string', 'x-kubernetes-list-type'],
  ...['x-kubernetes-list-map-keys', 'x-kubernetes-map-type', 'x-kubernetes-validations'],
]);
/** Keywords of JSON Schema that CustomResourceDefinitions know only to refuse. */
const refused = ['$ref', 'definitions', 'dependencies', 'patternProperties', 'additionalItems', 'id', '$schema'];
const compositions = ['allOf', 'anyOf', 'oneOf'] as const;

/**
 * What keeps a schema from being structural (apiextensions-apiserver, pkg/apis/apiextensions/validation and pkg/apiserver/schema).
 * `strict` also reports keywords that a schema does not have, which a real server drops on reading.
 */
export function structuralErrors(schema: JsonObject, path: string, strict: boolean): FieldError[] {
  const errors: FieldError[] = [];
  if (schema.type !== 'object') errors.push(rootType(schema, path));
  if (schema.additionalProperties !== undefined)
    errors.push(forbidden(fieldPath(path, 'additionalProperties'), 'must not be used at the root'));
  if (schema.nullable === true) errors.push(forbidden(fieldPath(path, 'nullable'), 'nullable cannot be true at the root'));
  errors.push(...metadataErrors(schema, path));
  walk(schema, path, 'root', strict, errors);
  return errors;
}

function rootType(schema: JsonObject, path: string): FieldError {
  const field = fieldPath(path, 'type');
  return schema.type === undefined
    ? required(field, 'must not be empty at the root')
    : invalid(field, schema.type, 'must be object at the root');
}

/** Of metadata a schema may restrict the name only: the rest has the same form for every kind. */
function metadataErrors(schema: JsonObject, path: string): FieldError[] {
  const metadata = isJsonObject(schema.properties) ? schema.properties.metadata : undefined;
  if (!isJsonObject(metadata)) return [];
  const properties = isJsonObject(metadata.properties) ? metadata.properties : {};
  return Object.keys(properties)
    .filter((name) => name !== 'name' && name !== 'generateName')
    .map((name) =>
      forbidden(
        keyPath(`${keyPath(`${path}.properties`, 'metadata')}.properties`, name),
        'must not specify anything other than name and generateName',
      ),
    );
}

type Place = 'root' | 'field' | 'item' | 'value';

function walk(schema: JsonObject, path: string, place: Place, strict: boolean, errors: FieldError[]): void {
  if (strict) reportUnknown(schema, path, errors);
  checkType(schema, path, place, errors);
  checkForbidden(schema, path, errors);
  checkPattern(schema, path, errors);
  checkList(schema, path, errors);
  checkExtensions(schema, path, errors);
  checkDefault(schema, path, errors);
  checkRequired(schema, path, errors);
  for (const name of compositions) {
    const branches = schema[name];
    if (Array.isArray(branches))
      branches.forEach((branch, index) => void walkBranch(branch, schema, indexPath(fieldPath(path, name), index), name, schema, errors));
  }
  if (schema.not !== undefined) walkBranch(schema.not, schema, fieldPath(path, 'not'), 'not', schema, errors);
  if (isJsonObject(schema.properties)) {
    for (const [name, property] of Object.entries(schema.properties)) {
      // Of apiVersion, kind and metadata the server knows the form itself.
      if (place === 'root' && (name === 'metadata' || name === 'apiVersion' || name === 'kind')) continue;
      const below = keyPath(fieldPath(path, 'properties'), name);
      if (isJsonObject(property)) walk(property, below, 'field', strict, errors);
      else errors.push(invalid(below, property, 'must be a schema'));
    }
  }
  if (isJsonObject(schema.additionalProperties))
    walk(schema.additionalProperties, fieldPath(path, 'additionalProperties'), 'value', strict, errors);
  if (isJsonObject(schema.items)) walk(schema.items, fieldPath(path, 'items'), 'item', strict, errors);
}

function reportUnknown(schema: JsonObject, path: string, errors: FieldError[]): void {
  for (const name of Object.keys(schema)) {
    if (validations.has(name) || structural.has(name) || refused.includes(name)) continue;
    const field = fieldPath(path, name);
    errors.push({ field, reason: 'FieldUnknown', message: `unknown field ${JSON.stringify(field)}` });
  }
}

function checkType(schema: JsonObject, path: string, place: Place, errors: FieldError[]): void {
  const field = fieldPath(path, 'type');
  if (schema['x-kubernetes-int-or-string'] === true) {
    if (schema.type !== undefined) errors.push(forbidden(field, 'must be empty if x-kubernetes-int-or-string is true'));
    return;
  }
  if (schema.type === undefined) {
    const where = {
      root: 'at the root',
      field: 'for specified object fields',
      item: 'for specified array items',
      value: 'for specified object fields',
    }[place];
    if (place !== 'root' && schema['x-kubernetes-preserve-unknown-fields'] !== true)
      errors.push(required(field, `must not be empty ${where}`));
  } else if (!types.includes(String(schema.type))) {
    errors.push(unsupported(field, schema.type, types));
  }
}

function checkForbidden(schema: JsonObject, path: string, errors: FieldError[]): void {
  for (const name of refused) if (schema[name] !== undefined) errors.push(forbidden(fieldPath(path, name), `${name} is not supported`));
  if (schema.uniqueItems === true) {
    errors.push(
      forbidden(fieldPath(path, 'uniqueItems'), 'uniqueItems cannot be set to true since the runtime complexity becomes quadratic'),
    );
  }
  if (schema.additionalProperties === false)
    errors.push(forbidden(fieldPath(path, 'additionalProperties'), 'additionalProperties cannot be set to false'));
  const named = isJsonObject(schema.properties) && Object.keys(schema.properties).length > 0;
  if (named && schema.additionalProperties !== undefined && schema.additionalProperties !== false) {
    errors.push(forbidden(fieldPath(path, 'additionalProperties'), 'additionalProperties and properties are mutual exclusive'));
  }
  if (Array.isArray(schema.items)) errors.push(forbidden(fieldPath(path, 'items'), 'items must be a schema object and not an array'));
  if (schema.type === 'array' && schema.items === undefined) errors.push(required(fieldPath(path, 'items'), 'must be specified'));
}

function checkPattern(schema: JsonObject, path: string, errors: FieldError[]): void {
  if (typeof schema.pattern !== 'string') return;
  try {
    goRegExp(schema.pattern);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    errors.push(invalid(fieldPath(path, 'pattern'), schema.pattern, `must be a valid regular expression, but isn't: ${why}`));
  }
}

function checkList(schema: JsonObject, path: string, errors: FieldError[]): void {
  const type = schema['x-kubernetes-list-type'];
  const keys = schema['x-kubernetes-list-map-keys'];
  const typePath = fieldPath(path, 'x-kubernetes-list-type');
  const keysPath = fieldPath(path, 'x-kubernetes-list-map-keys');
  if (type === undefined) {
    if (keys !== undefined) errors.push(required(typePath, 'must be map if x-kubernetes-list-map-keys is non-empty'));
    return;
  }
  if (type !== 'atomic' && type !== 'set' && type !== 'map') errors.push(unsupported(typePath, type, ['atomic', 'map', 'set']));
  if (schema.type !== 'array')
    errors.push(invalid(fieldPath(path, 'type'), schema.type ?? '', 'must be array if x-kubernetes-list-type is specified'));
  const items = isJsonObject(schema.items) ? schema.items : {};
  if (
    type === 'set' &&
    (items.type === 'object' || items.type === 'array') &&
    items['x-kubernetes-map-type'] !== 'atomic' &&
    items['x-kubernetes-list-type'] !== 'atomic'
  ) {
    errors.push(forbidden(fieldPath(path, 'items'), 'must be scalar or atomic as item of a list with x-kubernetes-list-type=set'));
  }
  if (type !== 'map') {
    if (keys !== undefined) errors.push(forbidden(keysPath, 'must not be set if x-kubernetes-list-type is not map'));
    return;
  }
  if (!Array.isArray(keys) || keys.length === 0) errors.push(required(keysPath, 'must not be empty if x-kubernetes-list-type is map'));
  const properties = isJsonObject(items.properties) ? items.properties : {};
  const mandatory = Array.isArray(items.required) ? items.required : [];
  for (const [index, key] of (Array.isArray(keys) ? keys : []).entries()) {
    const property = typeof key === 'string' ? properties[key] : undefined;
    if (!isJsonObject(property)) errors.push(invalid(indexPath(keysPath, index), key, 'entries must all be names of item properties'));
    else if (!mandatory.includes(key) && property.default === undefined) {
      errors.push(
        required(
          `${keyPath(`${path}.items.properties`, String(key))}.default`,
          'this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property',
        ),
      );
    }
  }
}

function checkExtensions(schema: JsonObject, path: string, errors: FieldError[]): void {
  const preserve = schema['x-kubernetes-preserve-unknown-fields'];
  if (preserve === false) errors.push(invalid(fieldPath(path, 'x-kubernetes-preserve-unknown-fields'), false, 'must be true or undefined'));
  const named = isJsonObject(schema.properties) && Object.keys(schema.properties).length > 0;
  if (schema['x-kubernetes-embedded-resource'] === true) {
    if (schema.type !== 'object')
      errors.push(invalid(fieldPath(path, 'type'), schema.type ?? '', 'must be object if x-kubernetes-embedded-resource is true'));
    if (!named && preserve !== true) {
      errors.push(
        required(
          fieldPath(path, 'properties'),
          'must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields',
        ),
      );
    }
  }
  const mapType = schema['x-kubernetes-map-type'];
  if (mapType !== undefined && mapType !== 'atomic' && mapType !== 'granular') {
    errors.push(unsupported(fieldPath(path, 'x-kubernetes-map-type'), mapType, ['atomic', 'granular']));
  }
  if (mapType !== undefined && schema.type !== 'object') {
    errors.push(invalid(fieldPath(path, 'type'), schema.type ?? '', 'must be object if x-kubernetes-map-type is specified'));
  }
}

const anyMetadata = structure({
  type: 'object',
  properties: { apiVersion: {}, kind: {}, metadata: { 'x-kubernetes-preserve-unknown-fields': true } },
});

/** A default must itself be valid, and must not hold fields that would be pruned. */
function checkDefault(schema: JsonObject, path: string, errors: FieldError[]): void {
  const value = schema.default;
  if (value === undefined) return;
  const field = fieldPath(path, 'default');
  const holder: JsonObject = { type: 'object', properties: { default: schema } };
  const shape = structure(holder);
  const pruned = prune({ default: value }, shape, anyMetadata);
  for (const unknown of pruned.unknown)
    errors.push(invalid(field, value, `must not have fields that the schema does not specify: ${unknown}`));
  if (pruned.unknown.length > 0) return;
  // Patterns that cannot be compiled are reported elsewhere, and would fail here again.
  if (errors.some((error) => error.field.endsWith('.pattern'))) return;
  const problems = schemaValidator(holder)(applyDefaults({ default: value }, shape));
  errors.push(...problems.map((problem) => ({ ...problem, field: `${path}.${problem.field}` })));
}

function checkRequired(schema: JsonObject, path: string, errors: FieldError[]): void {
  if (schema.required !== undefined && !(Array.isArray(schema.required) && schema.required.every((name) => typeof name === 'string'))) {
    errors.push(invalid(fieldPath(path, 'required'), schema.required, 'must be a list of field names'));
  }
}

/** Inside a composition only values may be restricted; what there is must be declared outside. */
function walkBranch(
  branch: JsonValue,
  outside: JsonObject,
  path: string,
  composition: string,
  owner: JsonObject,
  errors: FieldError[],
): void {
  if (!isJsonObject(branch)) {
    errors.push(invalid(path, branch, 'must be a schema'));
    return;
  }
  const intOrString = owner['x-kubernetes-int-or-string'] === true && (composition === 'anyOf' || composition === 'allOf');
  for (const name of Object.keys(branch)) {
    if (!structural.has(name) || (name === 'type' && intOrString)) continue;
    errors.push(forbidden(fieldPath(path, name), 'must be empty to be structural'));
  }
  checkPattern(branch, path, errors);
  if (isJsonObject(branch.properties)) {
    const declared = isJsonObject(outside.properties) ? outside.properties : {};
    for (const [name, property] of Object.entries(branch.properties)) {
      const known = declared[name] ?? outside.additionalProperties;
      const place = keyPath('properties', name);
      if (!isJsonObject(known))
        errors.push(
          required(
            `${path.replace(/\.(allOf|anyOf|oneOf|not)(\[\d+\])?.*$/, '')}.${place}`,
            `because it is defined in ${path.slice(path.lastIndexOf(composition))}.${place}`,
          ),
        );
      else walkBranch(property, known, keyPath(fieldPath(path, 'properties'), name), composition, known, errors);
    }
  }
  if (isJsonObject(branch.items) && isJsonObject(outside.items))
    walkBranch(branch.items, outside.items, fieldPath(path, 'items'), composition, outside.items, errors);
  for (const nested of compositions) {
    const branches = branch[nested];
    if (Array.isArray(branches))
      branches.forEach((each, index) => void walkBranch(each, outside, indexPath(fieldPath(path, nested), index), nested, owner, errors));
  }
  if (branch.not !== undefined) walkBranch(branch.not, outside, fieldPath(path, 'not'), 'not', owner, errors);
}
