import { isJsonObject, type JsonObject, type JsonValue } from '../../../core/json.ts';
import type { FieldError, ResourceDefinition, TableColumn } from '../resource.ts';
import { parseJsonPath } from '../schema/jsonpath.ts';
import { mergeRule } from '../schema/merge.ts';
import { ageColumn } from './columns.ts';
import { objectRules } from './crd-checks.ts';
import { admission, at } from './define.ts';
import { modelSchema } from './models.ts';

const columnTypes = ['string', 'integer', 'number', 'boolean', 'date'] as const;

const rulesUnchecked: FieldError = {
  field: '<nil>',
  reason: 'FieldValueInvalid',
  message:
    'Invalid value: "null": some validation rules were not checked because the object was invalid; correct the existing errors to complete validation',
};

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : [];
}

function printable(value: JsonValue | undefined, type: TableColumn['type']): string | number | boolean | null {
  if (value === undefined || value === null) return null;
  switch (type) {
    case 'integer':
      return typeof value === 'number' ? Math.trunc(value) : null;
    case 'number':
      return typeof value === 'number' ? value : null;
    case 'boolean':
      return typeof value === 'boolean' ? value : null;
    case 'date':
      return typeof value === 'string' ? value : null;
    case 'string':
      return typeof value === 'string' ? value : JSON.stringify(value);
  }
}

function printerColumn(spec: JsonObject): TableColumn | undefined {
  const type = columnTypes.find((each) => each === spec.type);
  if (typeof spec.name !== 'string' || typeof spec.jsonPath !== 'string' || !type) return undefined;
  const path = parseJsonPath(spec.jsonPath);
  return {
    name: spec.name,
    type,
    ...(typeof spec.format === 'string' && { format: spec.format }),
    ...(typeof spec.description === 'string' && { description: spec.description }),
    priority: typeof spec.priority === 'number' ? spec.priority : 0,
    cell: (object) => {
      const found = path(object);
      // A path with several results prints them all; the other types take the first.
      return type === 'string' && found.length > 1 ? found.map((each) => printable(each, type)).join(',') : printable(found[0], type);
    },
  };
}

function subresources(version: JsonObject): ResourceDefinition['subresources'] {
  const declared = isJsonObject(version.subresources) ? version.subresources : {};
  const scale = declared.scale;
  return {
    ...(declared.status !== undefined && { status: true as const }),
    ...(isJsonObject(scale) && {
      scale: {
        specReplicasPath: String(scale.specReplicasPath),
        statusReplicasPath: String(scale.statusReplicasPath),
        ...(typeof scale.labelSelectorPath === 'string' && { labelSelectorPath: scale.labelSelectorPath }),
      },
    }),
  };
}

/** The schema of whole objects: what the CRD says, with apiVersion, kind and metadata as every object has them. */
function objectSchema(declared: JsonObject, group: string, version: string, kind: string): JsonObject {
  const properties = isJsonObject(declared.properties) ? declared.properties : {};
  const name = at(properties, 'metadata', 'properties', 'name');
  const metadata = modelSchema('V1ObjectMeta');
  const fields = isJsonObject(metadata.properties) ? metadata.properties : {};
  return {
    ...declared,
    type: 'object',
    properties: {
      ...properties,
      apiVersion: {
        type: 'string',
        description: 'APIVersion defines the versioned schema of this representation of an object.',
      },
      kind: { type: 'string', description: 'Kind is a string value representing the REST resource this object represents.' },
      metadata: { ...metadata, description: 'Standard object metadata.', properties: { ...fields, ...(isJsonObject(name) && { name }) } },
    },
    'x-kubernetes-group-version-kind': [{ group, version, kind }],
  };
}

/**
 * The resources that a CustomResourceDefinition serves, one per served version.
 * The definition must have been admitted: here its schema is taken as structural and its rules as sound.
 */
export function definitionsFromCrd(crd: JsonObject): readonly ResourceDefinition[] {
  const spec = isJsonObject(crd.spec) ? crd.spec : {};
  const names = isJsonObject(spec.names) ? spec.names : {};
  const group = String(spec.group ?? '');
  const kind = String(names.kind ?? '');
  const namespaced = spec.scope === 'Namespaced';
  const versions = Array.isArray(spec.versions) ? spec.versions.filter(isJsonObject) : [];
  return versions
    .filter((version) => version.served === true)
    .map((version) => {
      const name = String(version.name);
      const declared = at(version, 'schema', 'openAPIV3Schema');
      const schema = objectSchema(isJsonObject(declared) ? declared : { 'x-kubernetes-preserve-unknown-fields': true }, group, name, kind);
      const columns = Array.isArray(version.additionalPrinterColumns)
        ? version.additionalPrinterColumns.filter(isJsonObject).flatMap((each) => printerColumn(each) ?? [])
        : [];
      const selectable = Array.isArray(version.selectableFields) ? version.selectableFields.filter(isJsonObject) : [];
      let rules: ReturnType<typeof objectRules> | undefined;
      const { structural, admit } = admission(schema, namespaced, {
        validate(object, request) {
          rules ??= objectRules(schema);
          return rules.validate(object, request.old);
        },
        ...(JSON.stringify(declared ?? {}).includes('"x-kubernetes-validations"') && { unchecked: rulesUnchecked }),
      });
      return {
        group,
        version: name,
        kind,
        listKind: typeof names.listKind === 'string' ? names.listKind : `${kind}List`,
        plural: String(names.plural ?? ''),
        singular: typeof names.singular === 'string' ? names.singular : kind.toLowerCase(),
        shortNames: strings(names.shortNames),
        categories: strings(names.categories),
        namespaced,
        subresources: subresources(version),
        columns: columns.length > 0 ? columns : [ageColumn],
        selectableFields: selectable.map((each) => String(each.jsonPath).replace(/^\./, '')),
        merge: mergeRule(structural),
        schema,
        builtin: false,
        tracksGeneration: true,
        admit,
      };
    });
}
