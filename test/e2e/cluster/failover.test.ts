import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { eventually } from '../../../src/kube/testing/eventually.fake.ts';
import { clusterComponent } from './harness/component.ts';
import { denials, now } from './harness/denials.ts';
import { apply, freshNamespace, isReady, kube, onCluster, ours, uids, workers } from './harness/kube.ts';
import { smollm2 } from './harness/models.ts';
import { ensureInstalled, killHard, leader, system } from './harness/release.ts';
import { Caller, lastWords, restarts, serveModelFile } from './harness/testbed.ts';

const namespace = 'e2e-failover';
const model = 'smollm2';
const controllers = 'app.kubernetes.io/component=controller';
const gateways = 'app.kubernetes.io/component=gateway';

onCluster('when parts of the fleet fail', () => {
  let since: number;
  let caller: Caller;

  beforeAll(async () => {
    since = await now();
    await ensureInstalled();
    await freshNamespace(namespace);
    const url = await serveModelFile(namespace, Number.MAX_SAFE_INTEGER);
    await apply(smollm2(namespace, model, url, { cache: { type: 'PersistentVolumeClaim', size: '1Gi' }, replicas: 2 }));
    caller = await Caller.create(namespace, model);
    await isReady(namespace, model);
  }, 300_000);
  afterAll(() => kube(['delete', 'namespace', namespace, '--wait=false']));

  test('the standby acts within 20 s of the death of the leader, and recreates nothing', { timeout: 120_000 }, async () => {
    const [dead, before] = [await leader(), uids(await workers(namespace, model))];
    await killHard(dead);
    const killedAt = performance.now();
    await kube(['scale', `mdep/${model}`, '-n', namespace, '--replicas=3']);
    await eventually(async () => expect(await workers(namespace, model)).toHaveLength(3), 30_000);
    expect(performance.now() - killedAt).toBeLessThan(20_000);
    expect(await leader()).not.toBe(dead);
    expect(uids(await workers(namespace, model))).toEqual(expect.arrayContaining(before));
    await kube(['scale', `mdep/${model}`, '-n', namespace, '--replicas=2']);
    await eventually(async () => expect(await workers(namespace, model)).toHaveLength(2), 30_000);
    await isReady(namespace, model);
  });

  test('both controllers restart during a rollout, and no replica is lost', { timeout: 240_000 }, async () => {
    const before = uids(await workers(namespace, model));
    const loop = await caller.loop('during-rollout', 5);
    await kube(['annotate', `mdep/${model}`, '-n', namespace, `modelfleet.dev/restartedAt=${new Date().toISOString()}`, '--overwrite']);
    await eventually(async () => expect(await workers(namespace, model)).toHaveLength(3), 30_000);
    await kube(['delete', 'pods', '-n', system, '-l', controllers, '--wait=false']);
    let fewest = Number.POSITIVE_INFINITY;
    await eventually(async () => {
      const ready = (await workers(namespace, model)).filter(({ status }) =>
        status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True'),
      );
      fewest = Math.min(fewest, ready.length);
      expect(uids(ready).filter((uid) => !before.includes(uid))).toHaveLength(2);
    }, 150_000);
    expect(fewest).toBeGreaterThanOrEqual(2);
    await eventually(async () => expect(await workers(namespace, model)).toHaveLength(2), 60_000);
    expect((await loop.stop()).failures).toEqual([]);
  });

  test.skipIf(!ours)(
    'the API server stops for 30 s: calls go on, the controllers recover without a restart',
    { timeout: 500_000 },
    async () => {
      await kube(['rollout', 'status', 'deployment/modelfleet-controller', '-n', system, '--timeout=90s']);
      await eventually(async () => expect(Object.keys(await restarts(system, controllers))).toHaveLength(2), 60_000);
      const [controllersBefore, gatewaysBefore] = [await restarts(system, controllers), await restarts(system, gateways)];
      const workersBefore = uids(await workers(namespace, model));
      const loop = await caller.loop('without-api-server', 5);
      await clusterComponent('stop', 'apiserver');
      // The outage itself: nothing can be waited for while it lasts.
      await systemClock.sleep(30_000);
      await clusterComponent('start', 'apiserver');

      await kube(['scale', `mdep/${model}`, '-n', namespace, '--replicas=3']);
      await eventually(async () => expect(await workers(namespace, model)).toHaveLength(3), 60_000);
      expect(uids(await workers(namespace, model))).toEqual(expect.arrayContaining(workersBefore));
      const report = await loop.stop();
      expect(report.failures).toEqual([]);
      expect(report.answered).toBeGreaterThan(100);
      expect(await restarts(system, controllers), await lastWords(system, controllers, controllersBefore)).toEqual(controllersBefore);
      expect(await restarts(system, gateways), await lastWords(system, gateways, gatewaysBefore)).toEqual(gatewaysBefore);
      // The cluster's own parts come back too before the next file counts on them.
      await kube(['wait', '--for=jsonpath={.status.readyReplicas}=3', `mdep/${model}`, '-n', namespace, '--timeout=150s']);
    },
  );

  test('no request of the controller or the gateway was forbidden', async () => {
    expect(await denials(since)).toEqual([]);
  });
});
