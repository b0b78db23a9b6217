import { isJsonObject, type JsonObject } from '../../../core/json.ts';
import type { AdmitRequest, FieldError } from '../resource.ts';
import { compileRules } from '../schema/cel/rules.ts';
import { structuralErrors } from '../schema/check.ts';
import { parseJsonPath } from '../schema/jsonpath.ts';
import { labelProblems, subdomainProblems } from '../schema/names.ts';
import { duplicate, forbidden, invalid, required, unsupported } from '../schema/paths.ts';
import { structure } from '../schema/structural.ts';
import { objectsAt } from './columns.ts';
import { at } from './define.ts';

const columnTypes = ['boolean', 'date', 'integer', 'number', 'string'];
const oneLabel = /^v?[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;

/** What a real API server refuses in a CustomResourceDefinition, with its messages. */
export function crdErrors(crd: JsonObject, request: AdmitRequest): FieldError[] {
  const versions = objectsAt(crd, 'spec', 'versions');
  return [
    ...nameErrors(crd),
    ...versionListErrors(versions),
    ...immutabilityErrors(crd, request.old),
    ...versions.flatMap((version, index) => versionErrors(version, `spec.versions[${index}]`, request.fieldValidation === 'Strict')),
  ];
}

function nameErrors(crd: JsonObject): FieldError[] {
  const errors: FieldError[] = [];
  const group = String(at(crd, 'spec', 'group') ?? '');
  const plural = String(at(crd, 'spec', 'names', 'plural') ?? '');
  const kind = String(at(crd, 'spec', 'names', 'kind') ?? '');
  const name = at(crd, 'metadata', 'name');
  if (name !== `${plural}.${group}`) errors.push(invalid('metadata.name', String(name), `must be spec.names.plural+"."+spec.group`));
  errors.push(...subdomainProblems(group).map((problem) => invalid('spec.group', group, problem)));
  if (!group.includes('.')) errors.push(invalid('spec.group', group, 'should be a domain with at least one dot'));
  errors.push(...labelProblems(plural).map((problem) => invalid('spec.names.plural', plural, problem)));
  errors.push(
    ...labelProblems(kind.toLowerCase()).map((problem) =>
      invalid('spec.names.kind', kind, `may have mixed case, but should otherwise match: ${problem}`),
    ),
  );
  const short = at(crd, 'spec', 'names', 'shortNames');
  for (const [index, each] of (Array.isArray(short) ? short : []).entries()) {
    errors.push(...labelProblems(String(each)).map((problem) => invalid(`spec.names.shortNames[${index}]`, String(each), problem)));
  }
  if (at(crd, 'spec', 'preserveUnknownFields') === true) {
    errors.push(
      invalid(
        'spec.preserveUnknownFields',
        true,
        'cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead',
      ),
    );
  }
  const strategy = at(crd, 'spec', 'conversion', 'strategy');
  if (strategy !== 'None') errors.push(unsupported('spec.conversion.strategy', String(strategy), ['None']));
  return errors;
}

function versionListErrors(versions: readonly JsonObject[]): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<unknown>();
  for (const [index, { name }] of versions.entries()) {
    if (!oneLabel.test(String(name)))
      errors.push(...labelProblems(String(name)).map((problem) => invalid(`spec.versions[${index}].name`, String(name), problem)));
    if (seen.has(name)) errors.push(duplicate(`spec.versions[${index}].name`, String(name)));
    seen.add(name);
  }
  if (versions.filter((version) => version.storage === true).length !== 1) {
    errors.push(invalid('spec.versions', [], 'must have exactly one version marked as storage version'));
  }
  return errors;
}

/** What already stored objects depend on. */
function immutabilityErrors(crd: JsonObject, old: JsonObject | undefined): FieldError[] {
  if (!old) return [];
  return [['scope'], ['group'], ['names', 'plural'], ['names', 'kind']].flatMap((path) => {
    const value = at(crd, 'spec', ...path);
    return value === at(old, 'spec', ...path) ? [] : [invalid(`spec.${path.join('.')}`, String(value), 'field is immutable')];
  });
}

function versionErrors(version: JsonObject, path: string, strict: boolean): FieldError[] {
  const schema = at(version, 'schema', 'openAPIV3Schema');
  if (!isJsonObject(schema)) return [required(`${path}.schema.openAPIV3Schema`, 'schemas are required')];
  const schemaPath = `${path}.schema.openAPIV3Schema`;
  const errors = structuralErrors(schema, schemaPath, strict);
  // Rules are typed by the schema, so a broken schema would only repeat its faults here.
  if (errors.length === 0) errors.push(...ruleErrors(schema, schemaPath));
  return [...errors, ...columnErrors(version, path), ...scaleErrors(version, path), ...selectableErrors(version, path)];
}

/** The schema with what rules see of every object: its names, but no other metadata. */
function ruleSchema(schema: JsonObject): JsonObject {
  const properties = isJsonObject(schema.properties) ? schema.properties : {};
  const text = { type: 'string' };
  return {
    ...schema,
    properties: {
      ...properties,
      apiVersion: text,
      kind: text,
      metadata: { type: 'object', properties: { name: text, generateName: text } },
    },
  };
}

function ruleErrors(schema: JsonObject, path: string): FieldError[] {
  return compileRules(structure(ruleSchema(schema))).broken.map((broken) => {
    const field = `${broken.path === '' ? path : `${path}.${broken.path}`}.x-kubernetes-validations[${broken.index}].${broken.field}`;
    return { field, reason: 'FieldValueInvalid', message: `Invalid value: ${broken.message}` };
  });
}

function pathErrors(field: string, text: unknown, prefixes: readonly string[]): FieldError[] {
  const path = String(text ?? '');
  if (path === '') return [required(field)];
  try {
    parseJsonPath(path);
  } catch (error) {
    return [invalid(field, path, error instanceof Error ? error.message : String(error))];
  }
  const fits = prefixes.length === 0 || prefixes.some((prefix) => path.startsWith(`${prefix}.`));
  return fits ? [] : [invalid(field, path, `should be a json path under ${prefixes.join(' or ')}`)];
}

function columnErrors(version: JsonObject, path: string): FieldError[] {
  return objectsAt(version, 'additionalPrinterColumns').flatMap((column, index) => {
    const field = `${path}.additionalPrinterColumns[${index}]`;
    const type = columnTypes.includes(String(column.type)) ? [] : [unsupported(`${field}.type`, column.type, columnTypes)];
    return [...type, ...pathErrors(`${field}.jsonPath`, column.jsonPath, [])];
  });
}

function scaleErrors(version: JsonObject, path: string): FieldError[] {
  const scale = at(version, 'subresources', 'scale');
  if (!isJsonObject(scale)) return [];
  const field = `${path}.subresources.scale`;
  return [
    ...pathErrors(`${field}.specReplicasPath`, scale.specReplicasPath, ['.spec']),
    ...pathErrors(`${field}.statusReplicasPath`, scale.statusReplicasPath, ['.status']),
    ...(scale.labelSelectorPath === undefined
      ? []
      : pathErrors(`${field}.labelSelectorPath`, scale.labelSelectorPath, ['.spec', '.status'])),
  ];
}

/** A selectable field must lead to one plain value of the schema. */
function selectableErrors(version: JsonObject, path: string): FieldError[] {
  return objectsAt(version, 'selectableFields').flatMap((selectable, index) => {
    const field = `${path}.selectableFields[${index}].jsonPath`;
    const text = String(selectable.jsonPath ?? '');
    if (text.startsWith('.metadata')) return [forbidden(field, 'must not point to fields in metadata')];
    let schema: unknown = at(version, 'schema', 'openAPIV3Schema');
    for (const name of text.split('.').slice(1)) schema = isJsonObject(schema) ? at(schema, 'properties', name) : undefined;
    const type = isJsonObject(schema) ? schema.type : undefined;
    return type === 'string' || type === 'integer' || type === 'boolean'
      ? []
      : [invalid(field, text, 'is an invalid path: must point to a string, boolean or integer field')];
  });
}

/** The rules of a schema as objects of its kind are judged by them; the definition was admitted, so none is broken. */
export function objectRules(schema: JsonObject): ReturnType<typeof compileRules> {
  return compileRules(structure(ruleSchema(schema)));
}
