import { expect, test } from 'vitest';
import { type ModelDeploymentSpec, resolveSpec } from '../../src/api/model-deployment.ts';
import { modelIdentity } from '../modeldeployment/load-times.ts';
import { deployment } from '../modeldeployment/testing/makers.fake.ts';
import type { HorizontalPodAutoscaler } from './autoscaler.ts';
import { planAutoscaler } from './autoscaler-plan.ts';

type Scaling = NonNullable<ModelDeploymentSpec['scaling']>;

const scaled = (scaling: Partial<Scaling> = {}, status?: NonNullable<ReturnType<typeof deployment>['status']>) => ({
  ...deployment({ scaling: { maxReplicas: 8, ...scaling } }),
  ...(status && { status }),
});
const plan = (of: ReturnType<typeof deployment>, existing?: HorizontalPodAutoscaler) => planAutoscaler(of, resolveSpec(of), existing);

/** What is made for a deployment, as the server gives it back. */
function made(
  of: ReturnType<typeof deployment> = scaled(),
  metadata: Partial<HorizontalPodAutoscaler['metadata']> = {},
): HorizontalPodAutoscaler {
  const created = plan(of);
  if (created.do !== 'create') throw new Error('none is wanted');
  const { metadata: own, spec } = JSON.parse(JSON.stringify(created.draft));
  const stored = { ...own, uid: 'uid-hpa', resourceVersion: '7', ...metadata };
  return { apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler', spec, metadata: stored };
}

test('scales the deployment on its requests in the system', () => {
  expect(made(scaled({ minReplicas: 2, targetRequestsPerReplica: 5 }))).toMatchObject({
    metadata: {
      name: 'qwen',
      namespace: 'models',
      labels: { 'app.kubernetes.io/managed-by': 'modelfleet', 'modelfleet.dev/model': 'qwen' },
      ownerReferences: [{ uid: 'uid-qwen', controller: true }],
    },
    spec: {
      scaleTargetRef: { apiVersion: 'modelfleet.dev/v1alpha1', kind: 'ModelDeployment', name: 'qwen' },
      minReplicas: 2,
      maxReplicas: 8,
      metrics: [
        {
          type: 'External',
          external: {
            metric: { name: 'modelfleet_requests_in_system', selector: { matchLabels: { model: 'qwen' } } },
            target: { type: 'AverageValue', averageValue: '5' },
          },
        },
      ],
    },
  });
});

test('asks an autoscaler for no fewer than one, for zero is not its own', () => {
  expect(made(scaled({ minReplicas: 0 })).spec).toMatchObject({ minReplicas: 1 });
});

test('scales on the KV cache and the time to the first token as well, by their ratio to the target', () => {
  const { metrics } = made(scaled({ targetKVCacheUsage: '0.8', targetTimeToFirstToken: '1.5s' })).spec ?? {};
  expect(metrics?.slice(1)).toMatchObject([
    { external: { metric: { name: 'modelfleet_kv_cache_usage' }, target: { type: 'Value', value: '800m' } } },
    { external: { metric: { name: 'modelfleet_time_to_first_token_seconds' }, target: { type: 'Value', value: '1500m' } } },
  ]);
});

test('waits with scaling down for twice as long as the model has loaded', () => {
  const windowOf = (of: ReturnType<typeof deployment>) => made(of).spec?.behavior?.scaleDown?.stabilizationWindowSeconds;
  const times = (model: string) => ({
    observedGeneration: 1,
    loadTimes: [
      { nodeClass: 'a', model, loads: 2, learnedAt: '2026-01-01T00:00:00Z', milliseconds: { Fetching: 60_000, LoadingWeights: 200_000 } },
      { nodeClass: 'b', model, loads: 1, learnedAt: '2026-01-01T00:00:00Z', milliseconds: { LoadingWeights: 30_000 } },
    ],
  });
  expect(windowOf(scaled())).toBe(300);
  expect(windowOf(scaled({}, times(modelIdentity(scaled().spec))))).toBe(540);
  expect(windowOf(scaled({}, times('another')))).toBe(300);
});

test("takes the user's behaviour field by field, the rest stays ours", () => {
  const behavior = { scaleDown: { stabilizationWindowSeconds: 20, tolerance: '0.05' }, scaleUp: { selectPolicy: 'Disabled' as const } };
  expect(made(scaled({ behavior })).spec?.behavior).toMatchObject({
    scaleUp: { selectPolicy: 'Disabled', policies: [{ type: 'Percent' }, { type: 'Pods' }] },
    scaleDown: { stabilizationWindowSeconds: 20, tolerance: '50m', policies: [{ value: 50 }, { value: 1 }] },
  });
});

test('names no field that a server may not know yet, unless the user does', () => {
  expect(JSON.stringify(made())).not.toContain('tolerance');
});

test('is written only when it differs', () => {
  expect(plan(scaled(), made())).toEqual({ do: 'nothing' });
  const current = made();
  const extended = { ...current, spec: { ...current.spec, somethingNew: true } } as unknown as HorizontalPodAutoscaler;
  expect(plan(scaled(), extended)).toEqual({ do: 'nothing' });
  expect(plan(scaled({ maxReplicas: 9 }), made())).toMatchObject({
    do: 'correct',
    patch: { metadata: { uid: 'uid-hpa', resourceVersion: '7' }, spec: { maxReplicas: 9 } },
  });
  const tolerant = made(scaled({ behavior: { scaleUp: { tolerance: '0.2' } } }));
  expect(plan(scaled(), tolerant)).toMatchObject({ do: 'correct', patch: { spec: { behavior: { scaleUp: { tolerance: null } } } } });
  const more = made(scaled({ targetKVCacheUsage: '0.8' }));
  expect(plan(scaled(), more)).toMatchObject({ do: 'correct' });
});

test('goes with spec.scaling', () => {
  expect(plan(deployment())).toEqual({ do: 'nothing' });
  expect(plan(deployment(), made())).toMatchObject({ do: 'remove' });
});

test("leaves somebody else's of its name alone", () => {
  const owner = { apiVersion: 'keda.sh/v1alpha1', kind: 'ScaledObject', name: 'qwen', uid: 'uid-x', controller: true };
  const foreign = made(scaled(), { ownerReferences: [owner] });
  expect(plan(scaled(), foreign)).toMatchObject({ do: 'leave' });
  expect(plan(deployment(), foreign)).toEqual({ do: 'nothing' });
});

test('is waited for while it is being deleted', () => {
  expect(plan(scaled(), made(scaled(), { deletionTimestamp: '2026-01-01T00:00:00Z' }))).toEqual({ do: 'nothing' });
});
