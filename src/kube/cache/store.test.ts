import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Pod } from '../client/resources.ts';
import { keyOf } from '../client/types.ts';
import { ObjectStore } from './store.ts';

const pod = (name: string, version: number, node = 'n1', uid = `uid-${name}`): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { namespace: 'default', name, uid, resourceVersion: String(version), managedFields: [{ manager: 'kubectl' }] },
  spec: { nodeName: node, containers: [] },
});
const byNode = (object: Pod) => (object.spec?.nodeName ? [object.spec.nodeName] : []);

test('hands out frozen objects without managedFields', () => {
  const store = new ObjectStore<Pod>();
  store.set(pod('a', 1));
  const stored = store.get('default/a');
  expect(stored?.metadata).not.toHaveProperty('managedFields');
  expect(() => stored?.spec?.containers.push({ name: 'c' })).toThrow(TypeError);
});

test('tells an add from an update, and says nothing of a repetition', () => {
  const store = new ObjectStore<Pod>();
  expect(store.set(pod('a', 1))).toMatchObject([{ type: 'add' }]);
  expect(store.set(pod('a', 1))).toEqual([]);
  expect(store.set(pod('a', 2))).toMatchObject([
    { type: 'update', object: { metadata: { resourceVersion: '2' } }, old: { metadata: { resourceVersion: '1' } } },
  ]);
  expect(store.delete('default/a')).toMatchObject([{ type: 'delete' }]);
  expect(store.delete('default/a')).toEqual([]);
});

test('a name with a new UID is a deletion and an addition', () => {
  const store = new ObjectStore<Pod>();
  store.set(pod('a', 1, 'n1', 'first'));
  expect(store.replace([pod('a', 5, 'n1', 'second')]).map(({ type, object }) => [type, object.metadata.uid])).toEqual([
    ['delete', 'first'],
    ['add', 'second'],
  ]);
});

test('a deletion tells the final state that the server sent', () => {
  const store = new ObjectStore<Pod>();
  store.set(pod('a', 1));
  expect(store.delete('default/a', pod('a', 2))).toMatchObject([{ type: 'delete', object: { metadata: { resourceVersion: '2' } } }]);
});

test('an index added late covers what is there; an unknown one is named', () => {
  const store = new ObjectStore<Pod>();
  store.set(pod('a', 1));
  store.addIndexer('node', byNode);
  expect(store.byIndex('node', 'n1').map(keyOf)).toEqual(['default/a']);
  expect(() => store.byIndex('owner', 'x')).toThrow('the store has no index "owner", only: node');
  expect(() => store.addIndexer('node', (object) => byNode(object))).toThrow('exists with another function');
});

test('an index always equals a search through all objects', () => {
  const nodes = ['', 'n1', 'n2', 'n3'];
  const change = fc.record({
    name: fc.constantFrom('a', 'b', 'c', 'd'),
    node: fc.constantFrom(...nodes),
    do: fc.constantFrom('set', 'recreate', 'delete', 'replace'),
  });
  fc.assert(
    fc.property(fc.array(change), (changes) => {
      const store = new ObjectStore<Pod>();
      store.addIndexer('node', byNode);
      changes.forEach(({ name, node, do: what }, index) => {
        const object = pod(name, index, node, what === 'recreate' ? `uid-${index}` : undefined);
        if (what === 'delete') store.delete(keyOf(object));
        else if (what === 'replace') store.replace([object]);
        else store.set(object);
      });
      for (const node of nodes.slice(1)) {
        const searched = store.list().filter((object) => object.spec?.nodeName === node);
        expect(new Set(store.byIndex('node', node))).toEqual(new Set(searched));
      }
    }),
  );
});
