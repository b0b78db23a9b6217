import { expect, test } from 'vitest';
import { resolveSpec } from '../../src/api/model-deployment.ts';
import { type PodDisruptionBudget, planBudget } from './disruption-budget.ts';
import { deployment } from './testing/makers.fake.ts';

const two = deployment({ replicas: 2 });
const plan = (of: typeof two, existing?: PodDisruptionBudget) => planBudget(of, resolveSpec(of), existing);

/** What is made for `two`, as the server gives it back. */
function made(change: Partial<PodDisruptionBudget> = {}, metadata: Partial<PodDisruptionBudget['metadata']> = {}): PodDisruptionBudget {
  const created = plan(two);
  if (created.do !== 'create') throw new Error('none is wanted');
  const { metadata: own, spec } = created.draft;
  const stored = { ...own, name: 'qwen', uid: 'uid-budget', resourceVersion: '7', ...metadata };
  return { apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', ...(spec && { spec }), ...change, metadata: stored };
}

test('lets one replica at a time be evicted, and one that is not ready always', () => {
  expect(plan(two)).toMatchObject({
    do: 'create',
    draft: {
      metadata: { name: 'qwen', namespace: 'models', ownerReferences: [{ uid: 'uid-qwen', controller: true }] },
      spec: { maxUnavailable: 1, selector: { matchLabels: { 'modelfleet.dev/model': 'qwen' } }, unhealthyPodEvictionPolicy: 'AlwaysAllow' },
    },
  });
});

test('is there while more than one replica can be, however many are now', () => {
  expect(plan(deployment())).toEqual({ do: 'nothing' });
  expect(plan(deployment({ replicas: 0, scaling: { minReplicas: 0, maxReplicas: 4 } }))).toMatchObject({ do: 'create' });
  expect(plan(two, made())).toEqual({ do: 'nothing' });
  expect(plan(deployment({ replicas: 1 }), made())).toMatchObject({ do: 'remove' });
});

test('is put right when somebody changed it, on the version that was seen', () => {
  const changed = made({ spec: { minAvailable: 2, selector: { matchLabels: { app: 'mine' }, matchExpressions: [] } } });
  expect(plan(two, changed)).toMatchObject({
    do: 'correct',
    patch: {
      metadata: { uid: 'uid-budget', resourceVersion: '7' },
      spec: {
        minAvailable: null,
        maxUnavailable: 1,
        selector: { matchLabels: { app: null, 'modelfleet.dev/model': 'qwen' }, matchExpressions: null },
        unhealthyPodEvictionPolicy: 'AlwaysAllow',
      },
    },
  });
});

test('keeps what others add to its metadata', () => {
  const other = { apiVersion: 'v1', kind: 'ConfigMap', name: 'other', uid: 'uid-other' };
  const own = made().metadata.ownerReferences ?? [];
  expect(plan(two, made({}, { labels: { ...made().metadata.labels, team: 'a' }, ownerReferences: [...own, other] }))).toEqual({
    do: 'nothing',
  });
  const stripped = plan(two, made({}, { ownerReferences: [other] }));
  expect(stripped).toMatchObject({ do: 'correct', patch: { metadata: { ownerReferences: [other, ...own] } } });
  expect(stripped).not.toHaveProperty('patch.spec');
});

test("is left alone when it is somebody else's, whether by its owner or by its labels", () => {
  const owned = made(
    {},
    { ownerReferences: [{ apiVersion: 'apps/v1', kind: 'Deployment', name: 'qwen', uid: 'uid-x', controller: true }] },
  );
  expect(plan(two, owned)).toMatchObject({ do: 'leave' });
  expect(plan(two, made({}, { ownerReferences: [], labels: { app: 'qwen' } }))).toMatchObject({ do: 'leave' });
  expect(plan(deployment({ replicas: 1 }), owned)).toEqual({ do: 'nothing' });
});

test('is waited for while it is being deleted', () => {
  expect(plan(two, made({}, { deletionTimestamp: '2026-01-01T00:00:00Z' }))).toEqual({ do: 'nothing' });
});
