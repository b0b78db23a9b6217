import { expect, test } from 'vitest';
import type { MergeRule } from './merge-rule.ts';
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
