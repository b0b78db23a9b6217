import fc from 'fast-check';
import { expect, test } from 'vitest';
import { configMaps } from '../../kube/index.ts';
import { judge, type OwnerState, type Verdict } from './decide.ts';
import type { GraphNode } from './owner-graph.ts';
import { OwnerGraph } from './owner-graph.ts';

function node(owners: readonly string[], fields: Partial<GraphNode> = {}): GraphNode {
  const references = owners.map((uid) => ({ apiVersion: 'v1', kind: 'ConfigMap', name: uid, uid }));
  const common = { type: configMaps, ref: { namespace: 'n', name: 'x' }, resourceVersion: '1', finalizers: [], deleting: false };
  return { ...common, uid: 'x', owners: references, ...fields };
}

const verdict = (
  states: Record<string, OwnerState>,
  { dependents = false, ...fields }: Partial<GraphNode> & { dependents?: boolean } = {},
) => judge(node(Object.keys(states), fields), new Map(Object.entries(states)), dependents);

test.each<[string, Verdict, Verdict]>([
  ['nobody owns', verdict({}), { do: 'keep' }],
  ['its owner keeps', verdict({ a: 'present' }), { do: 'keep' }],
  ['is being deleted already', verdict({ a: 'absent' }, { deleting: true }), { do: 'keep' }],
  ['lost its only owner', verdict({ a: 'absent' }), { do: 'delete', policy: 'Background' }],
  ['lost one of two owners', verdict({ a: 'absent', b: 'present' }), { do: 'release', owners: ['a'] }],
  ['an owner waits for, beside one that stays', verdict({ a: 'waiting', b: 'present' }), { do: 'release', owners: ['a'] }],
  ['an owner waits for', verdict({ a: 'waiting' }), { do: 'delete', policy: 'Background' }],
  ['an owner waits for, with dependents', verdict({ a: 'waiting' }, { dependents: true }), { do: 'delete', policy: 'Foreground' }],
  ['asks to orphan', verdict({ a: 'absent' }, { finalizers: ['orphan'] }), { do: 'delete', policy: 'Orphan' }],
  ['asks for the foreground', verdict({ a: 'absent' }, { finalizers: ['foregroundDeletion'] }), { do: 'delete', policy: 'Foreground' }],
])('judges what %s', (_, actual, expected) => {
  expect(actual).toEqual(expected);
});

test('never deletes what an owner keeps', () => {
  const state = fc.constantFrom<OwnerState>('present', 'absent', 'waiting');
  fc.assert(
    fc.property(fc.dictionary(fc.string({ minLength: 1 }), state), fc.boolean(), (states, dependents) => {
      const owners = Object.values(states);
      const deletes = verdict(states, { dependents }).do === 'delete';
      expect(deletes).toBe(owners.length > 0 && !owners.includes('present'));
    }),
  );
});

test('the graph always answers as a search through all objects would', () => {
  const uid = fc.constantFrom('a', 'b', 'c', 'd');
  const change = fc.record({ uid, owners: fc.option(fc.uniqueArray(uid), { nil: undefined }) });
  fc.assert(
    fc.property(fc.array(change), (changes) => {
      const graph = new OwnerGraph();
      const model = new Map<string, readonly string[]>();
      for (const { uid: changed, owners } of changes) {
        if (owners) graph.set(node(owners, { uid: changed }));
        else graph.delete(changed);
        if (owners) model.set(changed, owners);
        else model.delete(changed);
      }
      for (const each of ['a', 'b', 'c', 'd']) {
        const expected = [...model].filter(([, owners]) => owners.includes(each)).map(([dependent]) => dependent);
        expect(
          graph
            .dependents(each)
            .map((one) => one.uid)
            .sort(),
        ).toEqual(expected.sort());
      }
    }),
  );
});
