import { expect, test } from 'vitest';
import { resolveSpec } from '../../src/api/model-deployment.ts';
import { annotations, labels } from '../../src/api/resources.ts';
import { revisionData, rollbackPatch } from '../../src/api/revision-data.ts';
import { revisionOf } from './builders/revision.ts';
import type { ControllerRevision } from './controller-revision.ts';
import { planHistory } from './history.ts';
import { deployment } from './testing/makers.fake.ts';
import { shapes } from './testing/shapes.fake.ts';

const ours = { apiVersion: 'modelfleet.dev/v1alpha1', kind: 'ModelDeployment', name: 'qwen', uid: 'uid-qwen', controller: true };

function kept(hash: string, number: number, metadata: Partial<ControllerRevision['metadata']> = {}): ControllerRevision {
  return {
    apiVersion: 'apps/v1',
    kind: 'ControllerRevision',
    metadata: { name: `qwen-${hash}`, namespace: 'models', labels: { [labels.revision]: hash }, ownerReferences: [ours], ...metadata },
    revision: number,
  };
}

const wish = (revision: string, live: readonly string[] = [], limit = 10) => ({ revision, live: new Set(live), limit });

test('keeps a new revision under the next number, as its user wrote it', () => {
  const plan = planHistory(deployment({ engine: { device: 'CPU' } }), wish('bbb'), [kept('aaa', 4)]);
  expect(plan).toMatchObject({ adopt: [], remove: [], create: { metadata: { name: 'qwen-bbb', namespace: 'models' }, revision: 5 } });
  expect(plan.create?.metadata.ownerReferences).toMatchObject([{ uid: 'uid-qwen', controller: true }]);
  expect(plan.create?.metadata.labels).toEqual({
    'app.kubernetes.io/instance': 'qwen',
    'app.kubernetes.io/managed-by': 'modelfleet',
    'modelfleet.dev/revision': 'bbb',
  });
  expect(plan.create?.data).toEqual({ spec: { model: { source: 'hf://Qwen/Qwen3-4B' }, engine: { device: 'CPU' } } });
});

test('has nothing to do while the current revision is the newest', () => {
  expect(planHistory(deployment(), wish('bbb'), [kept('bbb', 2), kept('aaa', 1)])).toEqual({ adopt: [], remove: [] });
});

test('numbers a revision anew that came back', () => {
  const old = kept('aaa', 1);
  const plan = planHistory(deployment(), wish('aaa'), [old, kept('bbb', 2)]);
  expect(plan).toEqual({ adopt: [], remove: [], renumber: { revision: old, to: 3 } });
});

test('drops the oldest beyond the limit, never the current one and none that has replicas', () => {
  const history = ['aaa', 'bbb', 'ccc', 'ddd'].map((hash, index) => kept(hash, index + 1));
  const removed = (live: readonly string[], limit: number) =>
    planHistory(deployment(), wish('ddd', live, limit), history).remove.map(({ revision }) => revision);
  expect(removed([], 3)).toEqual([]);
  expect(removed([], 2)).toEqual([1]);
  expect(removed(['aaa'], 1)).toEqual([2]);
  expect(removed(['aaa', 'ddd'], 0)).toEqual([2, 3]);
});

test('keeps one of two that have the same revision', () => {
  const twin = kept('aaa', 2, { name: 'qwen-aaa-1' });
  expect(planHistory(deployment(), wish('aaa', ['aaa'], 0), [kept('aaa', 1), twin])).toEqual({ adopt: [], remove: [] });
  expect(planHistory(deployment(), wish('bbb', [], 0), [kept('aaa', 1), twin]).remove).toHaveLength(2);
});

test('takes over what a deployment of its name left behind, and goes on numbering from there', () => {
  const orphan = kept('aaa', 7, { ownerReferences: [] });
  expect(planHistory(deployment(), wish('bbb'), [orphan])).toMatchObject({ adopt: [orphan], create: { revision: 8 } });
  expect(planHistory(deployment(), wish('bbb', [], 0), [orphan])).toMatchObject({ adopt: [], remove: [orphan] });
});

test("counts neither another owner's nor what is being deleted", () => {
  const others = kept('aaa', 7, { ownerReferences: [{ ...ours, uid: 'uid-before' }] });
  const going = kept('aaa', 6, { name: 'qwen-aaa-1', deletionTimestamp: '2026-01-01T00:00:00Z' });
  expect(planHistory(deployment(), wish('aaa', [], 0), [others, going])).toMatchObject({ remove: [], create: { revision: 1 } });
});

test.for(Object.entries(shapes))('holds all that the revision hangs on: %s', ([, spec]) => {
  const before = deployment({ ...spec, rollout: { drainTimeout: '1m' } }, { annotations: { [annotations.restartedAt]: 'then' } });
  const after = deployment({ model: { source: 'hf://other/model' }, engine: { device: 'CUDA' }, health: { wedgeTimeout: '7s' } });
  const back = patched(after, rollbackPatch(after, revisionData(before)));
  expect(revisionOf(back, resolveSpec(back))).toBe(revisionOf(before, resolveSpec(before)));
});

/** As the API server would patch it. */
function patched(object: ReturnType<typeof deployment>, operations: ReturnType<typeof rollbackPatch>): ReturnType<typeof deployment> {
  const copy = structuredClone(object);
  for (const operation of operations) {
    const names = operation.path
      .slice(1)
      .split('/')
      .map((name) => name.replaceAll('~1', '/'));
    const last = names.pop() ?? '';
    const parent = names.reduce<Record<string, unknown>>((inner, name) => inner[name] as Record<string, unknown>, copy as never);
    if (operation.op === 'remove') delete parent[last];
    else parent[last] = operation.value;
  }
  return copy;
}
