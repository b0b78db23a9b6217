import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isJsonObject, type JsonObject, type JsonValue, jsonEqual } from '../../../core/json.ts';
import type { MergeRule } from '../../../kube/index.ts';
import { metadataOf, withMetadata } from '../object.ts';
import type { ResourceDefinition } from '../resource.ts';
import { applyConfiguration, recordUpdate, type Writer } from './field-managers.ts';
import { FieldSet } from './field-set.ts';
import { readManagers } from './managers.ts';
import { fieldsOf } from './typed.ts';

const scalar: MergeRule = { kind: 'scalar' };
const merge: MergeRule = {
  kind: 'struct',
  fields: {
    metadata: { kind: 'struct', fields: { labels: { kind: 'map', values: scalar }, annotations: { kind: 'map', values: scalar } } },
    spec: {
      kind: 'struct',
      fields: {
        replicas: scalar,
        engine: { kind: 'struct', fields: { type: scalar, threads: scalar } },
        args: { kind: 'list', type: 'atomic', items: scalar },
        zones: { kind: 'list', type: 'set', items: scalar },
        ports: {
          kind: 'list',
          type: 'map',
          keys: ['name'],
          items: { kind: 'struct', fields: { name: scalar, port: scalar, protocol: scalar } },
        },
      },
    },
    status: { kind: 'struct', fields: { ready: scalar } },
  },
};
const definition: ResourceDefinition = {
  group: 'test.dev',
  version: 'v1',
  kind: 'Widget',
  listKind: 'WidgetList',
  plural: 'widgets',
  singular: 'widget',
  shortNames: [],
  categories: [],
  namespaced: true,
  subresources: { status: true },
  columns: [],
  selectableFields: [],
  merge,
  schema: {},
  builtin: false,
  tracksGeneration: true,
  admit: ({ object }) => ({ object, errors: [], warnings: [] }),
};

function writer(manager: string, operation: 'Apply' | 'Update' = 'Apply', now = '2026-01-01T00:00:00Z', subresource?: string): Writer {
  return { id: { manager, operation, apiVersion: 'test.dev/v1', subresource }, now, definition };
}

const widget = (spec: JsonObject, labels: JsonObject = {}): JsonObject => ({
  apiVersion: 'test.dev/v1',
  kind: 'Widget',
  metadata: { name: 'w', ...(Object.keys(labels).length > 0 ? { labels } : {}) },
  spec,
});
const apply = (live: JsonObject | undefined, config: JsonObject, manager: string, force = false) =>
  applyConfiguration(live, config, writer(manager), force);
const owner = (object: JsonObject, manager: string) =>
  readManagers(object)
    .find((each) => each.manager === manager)
    ?.fields.toJson();

test('what a manager applies it owns', () => {
  const live = apply(
    undefined,
    widget({ replicas: 2, ports: [{ name: 'http', port: 80 }], zones: ['a'], args: ['x', 'y'] }, { team: 'red' }),
    'alice',
  );

  expect(owner(live, 'alice')).toEqual({
    'f:metadata': { 'f:labels': { 'f:team': {} } },
    'f:spec': {
      'f:args': {},
      'f:ports': { 'k:{"name":"http"}': { '.': {}, 'f:name': {}, 'f:port': {} } },
      'f:replicas': {},
      'f:zones': { 'v:"a"': {} },
    },
  });
});

test('names the manager and the field of each conflict', () => {
  const live = recordUpdate(undefined, widget({ replicas: 2, ports: [{ name: 'http', port: 80 }] }), writer('editor', 'Update'));

  const conflicting = () => apply(live, widget({ replicas: 3, ports: [{ name: 'http', port: 81 }] }), 'alice');

  expect(conflicting).toThrow(
    'Apply failed with 2 conflicts: conflicts with "editor" using test.dev/v1 at 2026-01-01T00:00:00Z:\n- .spec.ports[name="http"].port\n- .spec.replicas',
  );
  expect(() => apply(live, widget({ replicas: 3 }), 'alice')).toThrow(
    'Apply failed with 1 conflict: conflict with "editor" using test.dev/v1 at 2026-01-01T00:00:00Z: .spec.replicas',
  );
});

test('force takes the field over', () => {
  const live = apply(undefined, widget({ replicas: 2 }), 'alice');

  const taken = apply(live, widget({ replicas: 3 }), 'bob', true);

  expect(taken.spec).toEqual({ replicas: 3 });
  expect(owner(taken, 'alice')).toBeUndefined();
  expect(owner(taken, 'bob')).toEqual({ 'f:spec': { 'f:replicas': {} } });
});

test('the same value is owned by both, and stays until both give it up', () => {
  const both = apply(apply(undefined, widget({ replicas: 2, args: ['x'] }), 'alice'), widget({ replicas: 2 }), 'bob');

  const aliceLeft = apply(both, widget({ args: ['x'] }), 'alice');
  const bobLeft = apply(aliceLeft, widget({}), 'bob');

  expect(aliceLeft.spec).toEqual({ replicas: 2, args: ['x'] });
  expect(bobLeft.spec).toEqual({ args: ['x'] });
});

test('items of list maps are merged by key and removed one by one', () => {
  const alices = apply(
    undefined,
    widget({
      ports: [
        { name: 'http', port: 80 },
        { name: 'old', port: 1 },
      ],
    }),
    'alice',
  );
  const both = apply(alices, widget({ ports: [{ name: 'metrics', port: 9090 }] }), 'bob');

  const after = apply(both, widget({ ports: [{ name: 'http', port: 80 }] }), 'alice');

  expect(after.spec).toEqual({
    ports: [
      { name: 'http', port: 80 },
      { name: 'metrics', port: 9090 },
    ],
  });
});

test('an item that a manager gives up goes with the defaults that nobody owns', () => {
  const applied = apply(
    undefined,
    widget({
      ports: [
        { name: 'http', port: 80 },
        { name: 'old', port: 1 },
      ],
    }),
    'alice',
  );
  const defaulted = {
    ...applied,
    spec: {
      ports: [
        { name: 'http', port: 80, protocol: 'TCP' },
        { name: 'old', port: 1, protocol: 'TCP' },
      ],
    },
  };

  const after = apply(defaulted, widget({ ports: [{ name: 'http', port: 80 }] }), 'alice');

  expect(after.spec).toEqual({ ports: [{ name: 'http', port: 80, protocol: 'TCP' }] });
});

test('an update takes what it changed and frees what it removed', () => {
  const live = apply(undefined, widget({ replicas: 2, engine: { type: 'llama', threads: 4 } }), 'alice');

  const changed = recordUpdate(live, { ...live, spec: { replicas: 2, engine: { type: 'webgpu' } } }, writer('editor', 'Update'));

  expect(owner(changed, 'alice')).toEqual({ 'f:spec': { 'f:replicas': {} } });
  expect(owner(changed, 'editor')).toEqual({ 'f:spec': { 'f:engine': { 'f:type': {} } } });
});

test('writes through the status subresource own status only, and others do not', () => {
  const created = recordUpdate(undefined, { ...widget({ replicas: 1 }), status: { ready: 0 } }, writer('editor', 'Update'));
  const reported = recordUpdate(
    created,
    { ...created, status: { ready: 1 } },
    writer('controller', 'Update', '2026-01-01T00:00:00Z', 'status'),
  );

  expect(owner(reported, 'editor')).toEqual({ 'f:spec': { '.': {}, 'f:replicas': {} } });
  expect(owner(reported, 'controller')).toEqual({ 'f:status': { 'f:ready': {} } });
});

test('kubectl may take over what client-side apply recorded as applied', () => {
  const config = widget({ replicas: 2 });
  const annotated = withMetadata(config, {
    annotations: { 'kubectl.kubernetes.io/last-applied-configuration': JSON.stringify(config) },
  });
  const live = recordUpdate(undefined, annotated, writer('kubectl-client-side-apply', 'Update'));

  const applied = apply(live, widget({ replicas: 3 }), 'kubectl');

  expect(applied.spec).toEqual({ replicas: 3 });
  expect(metadataOf(applied).annotations).toEqual({
    'kubectl.kubernetes.io/last-applied-configuration': `${JSON.stringify(widget({ replicas: 3 }))}\n`,
  });
});

test('owners that a client brings along replace the recorded ones', () => {
  const live = recordUpdate(undefined, widget({ replicas: 2 }), writer('kubectl-client-side-apply', 'Update'));
  const entry = {
    manager: 'kubectl',
    operation: 'Apply',
    apiVersion: 'test.dev/v1',
    fieldsType: 'FieldsV1',
    fieldsV1: { 'f:spec': { 'f:replicas': {} } },
  };

  const migrated = recordUpdate(live, withMetadata(live, { managedFields: [entry] }), writer('migration', 'Update'));

  expect(metadataOf(migrated).managedFields).toEqual([entry]);
});

test('an empty list of owners resets them, and what is there then belongs to somebody', () => {
  const live = recordUpdate(undefined, widget({ replicas: 2 }), writer('editor', 'Update'));

  const reset = recordUpdate(live, withMetadata(live, { managedFields: [] }), writer('editor', 'Update'));

  expect(metadataOf(reset).managedFields).toBeUndefined();
  expect(() => apply(reset, widget({ replicas: 3 }), 'alice')).toThrow('conflict with "before-first-apply"');
});

test('more than ten updaters are summed up', () => {
  let live = widget({});
  for (let index = 0; index < 14; index += 1) {
    const labels = { ...(metadataOf(live).labels as JsonObject), [`l${index}`]: 'x' };
    live = recordUpdate(live, withMetadata(live, { labels }), writer(`editor-${index}`, 'Update', `2026-01-01T00:00:${10 + index}Z`));
  }

  expect(readManagers(live).length).toBe(10);
  expect(owner(live, 'ancient-changes')).toMatchObject({ 'f:metadata': { 'f:labels': { 'f:l0': {} } } });
});

const label = fc.constantFrom('x', 'y', 'z');
const specs: fc.Arbitrary<JsonObject> = fc.record(
  {
    replicas: fc.nat(2),
    engine: fc.record({ type: label, threads: fc.nat(2) }, { requiredKeys: [] }),
    args: fc.array(label, { maxLength: 2 }),
    zones: fc.uniqueArray(label),
    ports: fc.uniqueArray(fc.record({ name: label, port: fc.nat(2) }, { requiredKeys: ['name'] }), { selector: ({ name }) => name }),
  },
  { requiredKeys: [] },
);
const managers = fc.constantFrom('alice', 'bob', 'carol');
const histories = fc.array(fc.record({ manager: managers, spec: specs, update: fc.boolean() }), { maxLength: 8 });

function replay(history: readonly { manager: string; spec: JsonObject; update: boolean }[]): JsonObject | undefined {
  return history.reduce<JsonObject | undefined>(
    (live, { manager, spec, update }) =>
      update
        ? recordUpdate(live, { ...(live ?? widget({})), spec }, writer(`${manager}-editor`, 'Update'))
        : apply(live, widget(spec), manager, true),
    undefined,
  );
}

test('applying the same twice changes nothing, whatever went before', () => {
  fc.assert(
    fc.property(histories, managers, specs, (history, manager, spec) => {
      const once = apply(replay(history), widget(spec), manager, true);
      const twice = applyConfiguration(once, widget(spec), writer(manager, 'Apply', '2027-01-01T00:00:00Z'), false);

      expect(jsonEqual(twice, once)).toBe(true);
    }),
    { numRuns: 400 },
  );
});

test('a manager owns exactly what it applied, and that is what the object holds', () => {
  fc.assert(
    fc.property(histories, managers, specs, (history, manager, spec) => {
      const live = apply(replay(history), widget(spec), manager, true);

      const mine = readManagers(live).find((each) => each.manager === manager)?.fields ?? new FieldSet();
      expect(mine.equals(fieldsOf(ownedPart(widget(spec)), merge))).toBe(true);
      expect(contains(live.spec, spec)).toBe(true);
    }),
    { numRuns: 400 },
  );
});

test('what is owned by nobody but one who gives up everything is gone', () => {
  fc.assert(
    fc.property(histories, managers, specs, (history, manager, spec) => {
      const before = replay(history.filter((step) => !step.update));
      const given = apply(apply(before, widget(spec), manager, true), widget({}), manager, true);

      const others = readManagers(given).reduce((union, each) => union.union(each.fields), new FieldSet());
      const left = fieldsOf(ownedPart(given), merge).difference(others);
      expect([...left.paths()]).toEqual([]);
    }),
    { numRuns: 400 },
  );
});

function ownedPart(object: JsonObject): JsonObject {
  return isJsonObject(object.spec) ? { spec: object.spec } : {};
}

/** Whether everything of `part` is in `whole`; list maps and sets may hold more. */
function contains(whole: JsonValue | undefined, part: JsonValue): boolean {
  if (isJsonObject(part)) {
    return isJsonObject(whole) && Object.entries(part).every(([field, value]) => contains(whole[field], value));
  }
  if (Array.isArray(part)) return Array.isArray(whole) && part.every((item) => whole.some((other) => contains(other, item)));
  return jsonEqual(whole, part);
}
