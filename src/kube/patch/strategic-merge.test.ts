import { expect, test } from 'vitest';
import type { MergeRule } from './merge-rule.ts';
import { podMergeRule } from './pod-merge-rule.ts';
import { applyStrategicMergePatch } from './strategic-merge.ts';

const scalar: MergeRule = { kind: 'scalar' };
const rule: MergeRule = {
  kind: 'struct',
  fields: {
    env: { kind: 'list', type: 'map', keys: ['name'], items: { kind: 'struct', fields: { name: scalar, value: scalar } } },
    ports: { kind: 'list', type: 'map', keys: ['containerPort', 'protocol'], items: { kind: 'struct', fields: { name: scalar } } },
    finalizers: { kind: 'list', type: 'set', items: scalar },
    args: { kind: 'list', type: 'atomic', items: scalar },
  },
};
const patched = (object: Parameters<typeof applyStrategicMergePatch>[0], patch: Parameters<typeof applyStrategicMergePatch>[1]) =>
  applyStrategicMergePatch(object, patch, rule);

test('lists merge by key, sets by value, and other lists are replaced', () => {
  expect(
    patched(
      { env: [{ name: 'a', value: '1' }, { name: 'b' }], finalizers: ['x'], args: ['1', '2'] },
      { env: [{ name: 'b', value: '2' }, { name: 'c' }], finalizers: ['x', 'y'], args: ['3'] },
    ),
  ).toEqual({ env: [{ name: 'a', value: '1' }, { name: 'b', value: '2' }, { name: 'c' }], finalizers: ['x', 'y'], args: ['3'] });
});

test('directives delete and replace', () => {
  expect(patched({ env: [{ name: 'a' }, { name: 'b' }] }, { env: [{ name: 'a', $patch: 'delete' }] })).toEqual({ env: [{ name: 'b' }] });
  expect(patched({ env: [{ name: 'a' }] }, { env: [{ $patch: 'replace' }, { name: 'c' }] })).toEqual({ env: [{ name: 'c' }] });
  expect(patched({ args: ['1'], other: { x: 1 } }, { other: { $patch: 'replace', y: 2 } })).toEqual({ args: ['1'], other: { y: 2 } });
  expect(patched({ finalizers: ['x', 'y'] }, { '$deleteFromPrimitiveList/finalizers': ['x'] })).toEqual({ finalizers: ['y'] });
  expect(patched({ a: 1, b: 2 }, { $retainKeys: ['b', 'c'], c: 3 })).toEqual({ b: 2, c: 3 });
  expect(patched({ a: 1, b: 2 }, { a: null })).toEqual({ b: 2 });
});

test('the order of elements follows $setElementOrder', () => {
  expect(
    patched(
      { env: [{ name: 'a' }, { name: 'b' }] },
      { '$setElementOrder/env': [{ name: 'c' }, { name: 'b' }, { name: 'a' }], env: [{ name: 'c' }] },
    ),
  ).toEqual({ env: [{ name: 'c' }, { name: 'b' }, { name: 'a' }] });
});

test('an item is known by the keys that the patch gives', () => {
  expect(patched({ ports: [{ containerPort: 80, protocol: 'TCP' }] }, { ports: [{ containerPort: 80, name: 'http' }] })).toEqual({
    ports: [{ containerPort: 80, protocol: 'TCP', name: 'http' }],
  });
  expect(() => patched({}, { env: [{ value: '1' }] })).not.toThrow();
  expect(() => patched({ env: [{ name: 'a' }] }, { env: [{ value: '1' }] })).toThrow('does not contain declared merge key: name');
});

test('new items stand before those that only the object has, and known ones keep their place', () => {
  expect(patched({ env: [{ name: 'a' }, { name: 'b' }, { name: 'c' }] }, { env: [{ name: 'x' }, { name: 'b', value: '1' }] })).toEqual({
    env: [{ name: 'x' }, { name: 'a' }, { name: 'b', value: '1' }, { name: 'c' }],
  });
});

test('a part that the object lacks comes without nulls and directives', () => {
  const env = [
    { name: 'a', value: null },
    { name: 'b', $patch: 'delete' },
  ];
  expect(patched({}, { env, other: { x: null, y: { $patch: 'delete' } } })).toEqual({ env: [{ name: 'a' }], other: {} });
});

test.each([
  [{ other: { $patch: 'merge' } }, 'Unknown patch type: "merge"'],
  [{ other: { $retainKeys: ['x'], y: 1 } }, '$retainKeys must name each field of the patch beside it, and does not name y'],
  [{ other: { $retainKeys: 'x' } }, '$retainKeys must be a list of fields'],
  [{ env: ['a'] }, 'a list that merges by key holds objects only'],
  [{ '$setElementOrder/env': 'a' }, '$setElementOrder/env must be a list'],
])('%j is refused', (patch, message) => {
  expect(() => patched({ env: [{ name: 'a' }], other: { x: 1 } }, patch)).toThrow(message);
});

test('neither the object nor the patch is changed', () => {
  const object = { env: [{ name: 'a' }], other: { x: 1 }, finalizers: ['x'] };
  const patch = { env: [{ name: 'a', value: '1' }, { name: 'b' }], other: { y: 1 }, '$deleteFromPrimitiveList/finalizers': ['x'] };
  const before = structuredClone({ object, patch });
  expect(patched(object, patch)).toEqual({ env: [{ name: 'a', value: '1' }, { name: 'b' }], other: { x: 1, y: 1 }, finalizers: [] });
  expect({ object, patch }).toEqual(before);
});

test('a pod keeps what a template does not name', () => {
  const pod = { spec: { containers: [{ name: 'worker', env: [{ name: 'A', value: '1' }] }], tolerations: [{ key: 'gpu' }] } };
  const template = { spec: { containers: [{ name: 'worker', env: [{ name: 'B', value: '2' }] }], tolerations: [{ key: 'spot' }] } };
  expect(applyStrategicMergePatch(pod, template, podMergeRule)).toEqual({
    spec: {
      containers: [
        {
          name: 'worker',
          env: [
            { name: 'B', value: '2' },
            { name: 'A', value: '1' },
          ],
        },
      ],
      tolerations: [{ key: 'spot' }],
    },
  });
});
