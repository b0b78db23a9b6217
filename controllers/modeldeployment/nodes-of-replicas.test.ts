import { expect, test } from 'vitest';
import type { Pod } from '../../src/kube/index.ts';
import { node } from './failures/signals.fake.ts';
import { byNode, nodeOf, nodeTurned, replicaOwnersOn } from './nodes-of-replicas.ts';
import { pod, t0 } from './testing/makers.fake.ts';

const storeOf = (...all: readonly Pod[]) => ({
  byIndex: (name: string, value: string) => all.filter((one) => name === byNode && nodeOf(one).includes(value)),
});

test('a node stands for each deployment that has a replica on it, once', () => {
  const pods = storeOf(pod('a'), pod('b'), pod('c', { metadata: { ownerReferences: [] } }), pod('d', { spec: { nodeName: '' } }));
  expect([...replicaOwnersOn(pods, 'node-1')]).toEqual(['models/qwen']);
  expect([...replicaOwnersOn(pods, 'node-2')]).toEqual([]);
});

test('heartbeats of a node are no news, but whether it is ready, and that it comes or goes', () => {
  const update = (old: ReturnType<typeof node>, object: ReturnType<typeof node>) => nodeTurned({ type: 'update', old, object });
  expect(update(node('True'), node('True', t0 + 1))).toBe(false);
  expect(update(node('True'), node('Unknown'))).toBe(true);
  expect(update(node('Unknown'), node('False'))).toBe(false);
  expect(update(node('False'), node('True'))).toBe(true);
  expect(nodeTurned({ type: 'delete', object: node() })).toBe(true);
});
