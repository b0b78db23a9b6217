import { expect, test } from 'vitest';
import type { JsonObject } from '../../../core/json.ts';
import { builtinResources, definitionsFromCrd } from './index.ts';

function find(plural: string) {
  const definition = builtinResources.find((each) => each.plural === plural);
  if (!definition) throw new Error(`no ${plural}`);
  return definition;
}
const admit = (plural: string, object: JsonObject, old?: JsonObject) =>
  find(plural).admit({
    operation: old ? 'UPDATE' : 'CREATE',
    object: { metadata: { name: 'x' }, ...object },
    ...(old && { old }),
    fieldValidation: 'Strict',
  });

test.each(builtinResources.map((definition) => [definition.plural, definition] as const))(
  '%s has a schema, columns and a merge rule',
  (_plural, definition) => {
    expect(definition.schema).toMatchObject({ type: 'object', properties: { metadata: { type: 'object' } } });
    expect(definition.merge).toMatchObject({ kind: 'struct', fields: { metadata: { kind: 'struct' } } });
    for (const column of definition.columns) expect(() => column.cell({}, 0)).not.toThrow();
  },
);

test('lists merge by the keys of the Kubernetes API, and a port without protocol is one of TCP', () => {
  const containers = { kind: 'list', type: 'map', keys: ['name'] };
  const ports = { kind: 'list', type: 'map', keys: ['containerPort', 'protocol'], keyDefaults: { protocol: 'TCP' } };
  expect(find('pods').merge).toMatchObject({
    fields: {
      metadata: { fields: { finalizers: { type: 'set' }, ownerReferences: { type: 'map', keys: ['uid'] }, labels: { kind: 'map' } } },
      spec: {
        fields: { containers: { ...containers, items: { fields: { ports, args: { type: 'atomic' } } } }, tolerations: { type: 'atomic' } },
      },
      status: { fields: { conditions: { type: 'map', keys: ['type'] } } },
    },
  });
});

test('secrets encode stringData, and keep what is sealed', () => {
  const { object, errors } = admit('secrets', { stringData: { a: 'b' }, immutable: true });
  expect(errors).toEqual([]);
  expect(object).toMatchObject({ type: 'Opaque', data: { a: 'Yg==' } });
  expect(admit('secrets', { data: { a: 'Yw==' }, immutable: true }, object).errors.map((error) => error.field)).toEqual(['data']);
  expect(admit('configmaps', { data: { 'a/b': '' } }).errors.map((error) => error.field)).toEqual(['data[a/b]']);
});

test('namespaces carry their name as a label, and names have the form that their kind needs', () => {
  expect(admit('namespaces', {}).object).toMatchObject({
    metadata: { labels: { 'kubernetes.io/metadata.name': 'x' } },
    status: { phase: 'Active' },
  });
  expect(admit('namespaces', { metadata: { name: 'a.b' } }).errors[0]?.message).toContain('RFC 1123 label');
  expect(admit('configmaps', { metadata: { name: 'a.b' } }).errors).toEqual([]);
  expect(admit('services', { metadata: { name: '1a' } }).errors[0]?.message).toContain('DNS-1035');
  expect(admit('configmaps', { metadata: { name: 'a', namespace: 'n', labels: { 'a b': 'c' } } }).errors[0]?.field).toBe('metadata.labels');
});

const crd = (schema: JsonObject, extra: JsonObject = {}, spec: JsonObject = {}): JsonObject => ({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'widgets.example.com' },
  spec: {
    group: 'example.com',
    scope: 'Namespaced',
    names: { plural: 'widgets', kind: 'Widget' },
    versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: schema }, ...extra }],
    ...spec,
  },
});
const open: JsonObject = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
const spec = (schema: JsonObject): JsonObject => ({ type: 'object', properties: { spec: schema } });
const refusals = (object: JsonObject, old?: JsonObject) =>
  admit('customresourcedefinitions', object, old).errors.map((error) => `${error.field}: ${error.message}`);

test.each<[JsonObject, string]>([
  [spec({ properties: {} }), 'properties[spec].type: Required value: must not be empty for specified object fields'],
  [spec({ type: 'thing' }), 'properties[spec].type: Unsupported value: "thing"'],
  [spec({ type: 'array' }), 'properties[spec].items: Required value: must be specified'],
  [spec({ type: 'object', additionalProperties: false }), 'additionalProperties cannot be set to false'],
  [spec({ type: 'object', properties: { a: { type: 'string' } }, additionalProperties: { type: 'string' } }), 'mutual exclusive'],
  [spec({ type: 'object', anyOf: [{ type: 'object' }] }), 'properties[spec].anyOf[0].type: Forbidden: must be empty to be structural'],
  [
    spec({ type: 'object', anyOf: [{ properties: { a: {} } }] }),
    'properties[spec].properties[a]: Required value: because it is defined in anyOf[0].properties[a]',
  ],
  [spec({ $ref: '#/x', type: 'object' }), '$ref: Forbidden: $ref is not supported'],
  [spec({ type: 'string', pattern: '(?=a)' }), 'pattern: Invalid value: "(?=a)": must be a valid regular expression, but isn\'t'],
  [spec({ type: 'integer', default: 'x' }), 'properties[spec].default: Invalid value: "string"'],
  [spec({ type: 'object', default: { a: 1 } }), 'must not have fields that the schema does not specify'],
  [spec({ type: 'string', 'x-kubernetes-magic': true }), 'unknown field'],
  [
    spec({
      type: 'array',
      items: { type: 'object', properties: { a: { type: 'string' } } },
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['a'],
    }),
    'must have a default or be a required property',
  ],
  [spec({ type: 'array', items: { type: 'object' }, 'x-kubernetes-list-type': 'set' }), 'must be scalar or atomic'],
  [
    spec({ type: 'object', 'x-kubernetes-validations': [{ rule: 'self.x == 1' }] }),
    'properties[spec].x-kubernetes-validations[0].rule: Invalid value: compilation failed: ERROR: No such key: x',
  ],
  [{ type: 'string' }, 'openAPIV3Schema.type: Invalid value: "string": must be object at the root'],
  [
    { type: 'object', properties: { metadata: { type: 'object', properties: { labels: { type: 'object' } } } } },
    'must not specify anything other than name and generateName',
  ],
])('%j is refused', (schema, message) => {
  expect(refusals(crd(schema)).join('\n')).toContain(message);
});

test('names, versions, paths and columns of a definition are checked', () => {
  expect(refusals({ ...crd(open), metadata: { name: 'gadgets.example.com' } })).toEqual([
    'metadata.name: Invalid value: "gadgets.example.com": must be spec.names.plural+"."+spec.group',
  ]);
  expect(refusals(crd(open, { storage: false }))).toEqual([
    'spec.versions: Invalid value: must have exactly one version marked as storage version',
  ]);
  expect(refusals(crd(open, { additionalPrinterColumns: [{ name: 'A', type: 'string', jsonPath: 'status' }] }))[0]).toContain(
    'additionalPrinterColumns[0].jsonPath',
  );
  expect(refusals(crd(open, { subresources: { scale: { specReplicasPath: '.status.n', statusReplicasPath: '.status.n' } } }))[0]).toContain(
    'should be a json path under .spec',
  );
  expect(refusals(crd(open, { selectableFields: [{ jsonPath: '.spec.nothing' }] }))[0]).toContain('is an invalid path');
  expect(refusals(crd(open, {}, { scope: 'Cluster' }), crd(open))).toEqual(['spec.scope: Invalid value: "Cluster": field is immutable']);
});

test('a definition becomes one resource for each served version', () => {
  const version = {
    additionalPrinterColumns: [{ name: 'Ready', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].status' }],
    subresources: { status: {}, scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas' } },
  };
  const { object, errors } = admit('customresourcedefinitions', crd(open, version));
  expect(errors).toEqual([]);
  const [widgets, ...more] = definitionsFromCrd(object);
  expect(more).toEqual([]);
  expect(widgets).toMatchObject({
    listKind: 'WidgetList',
    singular: 'widget',
    builtin: false,
    subresources: { status: true, scale: { specReplicasPath: '.spec.replicas' } },
  });
  expect(widgets?.columns[0]?.cell({ status: { conditions: [{ type: 'Ready', status: 'True' }] } }, 0)).toBe('True');
  expect(widgets?.columns[0]?.cell({}, 0)).toBeNull();
});

test('rules are not run on an object that lacks what they rely on, and the answer says so', () => {
  const schema = spec({
    type: 'object',
    required: ['a'],
    properties: { a: { type: 'integer' } },
    'x-kubernetes-validations': [{ rule: 'self.a > 1' }],
  });
  const [widgets] = definitionsFromCrd(admit('customresourcedefinitions', crd(schema)).object);
  const result = widgets?.admit({ operation: 'CREATE', object: { metadata: { name: 'w' }, spec: {} }, fieldValidation: 'Strict' });
  expect(result?.errors.map((error) => error.field)).toEqual(['spec.a', '<nil>']);
  expect(result?.errors[1]?.message).toContain('some validation rules were not checked');
});
