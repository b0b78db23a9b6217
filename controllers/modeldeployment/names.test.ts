import { expect, test } from 'vitest';
import type { ModelDeployment } from '../../src/api/model-deployment.ts';
import { keyOf } from '../../src/kube/index.ts';
import { publicNames, takenNames } from './names.ts';
import { deployment } from './testing/makers.fake.ts';

function claimant(namespace: string, created: string, names: string[], fields: Partial<ModelDeployment['metadata']> = {}): ModelDeployment {
  return deployment({ serving: { names } }, { namespace, creationTimestamp: `${created}T00:00:00Z`, ...fields });
}

function storeOf(...all: readonly ModelDeployment[]) {
  return {
    get: (key: string) => all.find((one) => keyOf(one) === key),
    byIndex: (_: string, name: string) => all.filter((one) => publicNames(one).includes(name)),
  };
}

const older = claimant('a', '2025-01-01', ['chat', 'big']);
const younger = claimant('b', '2026-01-01', ['chat', 'small']);

test('the oldest deployment keeps a name', () => {
  const store = storeOf(younger, older);
  expect(takenNames(older, store)).toEqual([]);
  expect(takenNames(younger, store)).toEqual([{ name: 'chat', holder: 'a/qwen' }]);
});

test('of twins the one whose key comes first keeps it, as in the gateway', () => {
  const twin = claimant('c', '2025-01-01', ['chat']);
  expect(takenNames(older, storeOf(older, twin))).toEqual([]);
  expect(takenNames(twin, storeOf(older, twin))).toEqual([{ name: 'chat', holder: 'a/qwen' }]);
});

test('one that is being deleted has no name any more', () => {
  const ending = claimant('a', '2025-01-01', ['chat'], { deletionTimestamp: '2026-02-01T00:00:00Z' });
  expect(takenNames(younger, storeOf(ending, younger))).toEqual([]);
});

test('nobody can take the full name of another', () => {
  const thief = claimant('b', '2024-01-01', ['a/qwen']);
  expect(takenNames(thief, storeOf(thief, older))).toEqual([{ name: 'a/qwen', holder: 'a/qwen' }]);
  expect(takenNames(thief, storeOf(thief))).toEqual([]);
});
