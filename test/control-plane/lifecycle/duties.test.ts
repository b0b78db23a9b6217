import { expect } from 'vitest';
import { podDisruptionBudgets } from '../../../controllers/modeldeployment/disruption-budget.ts';
import { modelDeployments } from '../../../controllers/modeldeployment/status-writer.ts';
import type { ModelDeployment } from '../../../src/api/model-deployment.ts';
import { labels } from '../../../src/api/resources.ts';
import { configMaps, isConflict, isNotFound, type Pod, pods } from '../../../src/kube/index.ts';
import { atMost, costs } from './harness/budget.ts';
import { holds, load, through, warm } from './harness/curve.ts';
import { scenario, scenarios } from './harness/scenario.ts';
import { loads } from './harness/scripted-kubelet.ts';
import { revisionOf, type World } from './harness/world.ts';

const rollout = { noProgressTimeout: '30s', drainTimeout: '2s' } as const;

function owner(pod: Pod | undefined): string | undefined {
  return pod?.metadata.ownerReferences?.find(({ controller }) => controller)?.name;
}

scenarios('duties of a ReplicaSet', () => {
  scenario('a pod of ours that lost its owner is adopted again, not replaced', async (world) => {
    world.kubelet.usual = loads(warm);
    await world.apply('qwen', { rollout });
    await world.loaded('qwen', 1);
    const [before] = world.pods();
    const ref = { namespace: world.namespace, name: before?.metadata.name ?? '' };
    await world.admin.mergePatch(pods, ref, { metadata: { ownerReferences: null } });
    await world.eventually(() => expect(owner(world.pods()[0])).toBe('qwen'));
    await world.loaded('qwen', 1);
    expect(world.pods().map(({ metadata }) => metadata.uid)).toEqual([before?.metadata.uid]);
    await world.shows('qwen', { phase: 'Ready', columns: { Ready: '1/1' }, conditions: { Progressing: 'False RolloutComplete' } });
    await world.wrote(costs({ pods: 1, patched: 2 }));
  });

  scenario('a pod whose label was taken away is let go, and replaced', async (world) => {
    world.kubelet.usual = loads(warm);
    await world.apply('qwen', { rollout });
    await world.loaded('qwen', 1);
    const [before] = world.pods();
    const ref = { namespace: world.namespace, name: before?.metadata.name ?? '' };
    await world.admin.mergePatch(pods, ref, { metadata: { labels: { [labels.model]: 'under-investigation' } } });
    await world.eventually(() => {
      const pod = world.pods().find(({ metadata }) => metadata.name === before?.metadata.name);
      expect(pod).toBeDefined();
      expect(owner(pod)).toBeUndefined();
    });
    await world.kubelet.pod(1);
    await world.loaded('qwen', 1);
    expect(world.pods()).toHaveLength(2);
    await world.shows('qwen', { phase: 'Ready', columns: { Ready: '1/1' }, replicas: [{ name: (await world.kubelet.pod(1)).name }] });
    await world.wrote(costs({ pods: 2, patched: 3, status: 16, events: 6 }));
  });

  scenario("a pod that is somebody else's is left alone", async (world) => {
    const { namespace, admin } = world;
    world.kubelet.usual = loads(warm);
    const theirs = await admin.create(configMaps, { metadata: { namespace, name: 'theirs' } });
    const reference = { apiVersion: 'v1', kind: 'ConfigMap', name: 'theirs', uid: theirs.metadata.uid ?? '', controller: true };
    const foreign = await admin.create(pods, {
      metadata: { namespace, name: 'qwen-theirs', labels: { [labels.model]: 'qwen' }, ownerReferences: [reference] },
      spec: { containers: [{ name: 'worker', image: 'theirs' }] },
    });
    await world.apply('qwen', { replicas: 2, rollout });
    await world.loaded('qwen', 2);
    await world.patch('qwen', { spec: { replicas: 0 } });
    await world.shows('qwen', { phase: 'ScaledToZero', columns: { Ready: '0/0' }, replicas: [] });
    const left = await admin.get(pods, { namespace, name: 'qwen-theirs' });
    expect(left.metadata.uid).toBe(foreign.metadata.uid);
    expect(left.metadata.ownerReferences).toEqual([reference]);
    expect(left.metadata.deletionTimestamp).toBeUndefined();
    await world.wrote(costs({ pods: 2, deleted: 2, patched: 4, status: 20, events: 8, more: { 'DELETE poddisruptionbudgets': 1 } }));
  });

  scenario('a budget for voluntary disruption comes with the second replica and goes with it', async (world) => {
    world.kubelet.usual = loads(warm);
    await world.apply('qwen', { rollout });
    await world.loaded('qwen', 1);
    expect(await world.exists(podDisruptionBudgets, 'qwen')).toBe(false);
    await world.patch('qwen', { spec: { replicas: 2 } });
    await world.eventually(async () => {
      const [budget] = await world.list(podDisruptionBudgets);
      expect(budget?.spec).toMatchObject({ maxUnavailable: 1, unhealthyPodEvictionPolicy: 'AlwaysAllow' });
    });
    await world.patch('qwen', { spec: { replicas: 1 } });
    await world.eventually(async () => expect(await world.exists(podDisruptionBudgets, 'qwen')).toBe(false));
    await world.loaded('qwen', 1);
    await world.shows('qwen', { phase: 'Ready', columns: { Ready: '1/1' } });
    await world.wrote(
      costs({
        pods: 2,
        patched: 3,
        status: 20,
        events: 8,
        more: { 'DELETE pods': 1, 'DELETE poddisruptionbudgets': 1, 'POST poddisruptionbudgets': 1 },
      }),
    );
  });

  scenario('a name that an older deployment has is told, and free when that goes', async (world) => {
    world.kubelet.usual = loads(warm);
    const serving = { names: ['gpt-4o-mini'] };
    await world.apply('older', { serving, rollout });
    await world.shows('older', { phase: 'Ready', conditions: { RouteReady: 'True NamesServed' } });
    const { createdAt } = await world.kubelet.pod(0);
    await world.eventually(() => Date.now() - createdAt > 1_100); // ages are whole seconds
    await world.apply('younger', { serving, rollout });
    await world.shows('younger', {
      phase: 'Ready',
      conditions: { RouteReady: `False NameTaken: gpt-4o-mini (${world.namespace}/older)`, Ready: 'True Ready' },
      events: ['Warning NameTaken'],
    });
    await world.delete('older');
    await world.shows('younger', { conditions: { RouteReady: 'True NamesServed' }, columns: { Ready: '1/1' } });
    await world.wrote(
      costs({ pods: 2, deleted: 1, patched: 3, revisions: 2, status: 30, events: 10, more: { 'PATCH modeldeployments': 3 } }),
    );
  });
});

/** Somebody who writes to the object as fast as the API server lets them, until told to stop. Answers how often it did. */
async function storm(world: World, isOver: () => boolean): Promise<number> {
  const ref = { namespace: world.namespace, name: 'qwen' };
  const theirs = { type: 'Theirs', status: 'True', reason: 'Storm', message: 'x', lastTransitionTime: new Date().toISOString() } as const;
  let written = 0;
  while (!isOver()) {
    const tick = `t${written}`;
    await world.admin.mergePatch(modelDeployments, ref, { metadata: { labels: { tick }, annotations: { 'example.com/tick': tick } } });
    const now = await world.admin.get<ModelDeployment>(modelDeployments, ref);
    const conditions = [...(now.status?.conditions ?? []).filter(({ type }) => type !== 'Theirs'), { ...theirs, message: tick }];
    try {
      await world.admin.update(modelDeployments, { ...now, status: { ...now.status, conditions } }, { subresource: 'status' });
    } catch (error) {
      if (!isConflict(error) && !isNotFound(error)) throw error; // the operator was faster
    }
    written += 1;
  }
  return written;
}

scenarios('other writers and other controllers', () => {
  scenario('a storm of foreign writes to the object keeps it from nothing', async (world) => {
    world.kubelet.usual = loads(load(4_000));
    await world.apply('qwen', { replicas: 2, rollout });
    let over = false;
    const storming = storm(world, () => over);
    await world.loaded('qwen', 2);
    over = true;
    expect(await storming).toBeGreaterThan(5);
    await world.shows('qwen', { phase: 'Ready', conditions: { Ready: 'True Ready', Theirs: 'True Storm' }, columns: { Ready: '2/2' } });
    expect(world.get('qwen')?.metadata.labels).toMatchObject({ tick: expect.any(String) });
    await world.wrote({
      ...costs({ pods: 2, patched: 2, status: 16 }),
      'PATCH modeldeployments': 1,
      'lost against another writer': atMost(12),
    });
  });

  scenario('an orderly restart while it loads: nothing is made or said twice', async (world) => {
    world.kubelet.usual = loads([holds('Fetching', 40)]);
    const counts = world.countPods();
    await world.apply('qwen', { replicas: 3, rollout });
    await world.shows('qwen', {
      loading: { phase: 'Fetching' },
      replicas: [{ phase: 'Fetching' }, { phase: 'Fetching' }, { phase: 'Fetching' }],
    });
    await world.stopOperator();
    world.startOperator();
    for (const index of [0, 1, 2]) (await world.kubelet.agent(index)).play([through('Fetching', 1_000, 40), ...load(2_000).slice(1)]);
    await world.loaded('qwen', 3);
    await world.stopOperator();
    world.startOperator();
    const agent = await world.kubelet.agent(0);
    const { asked } = agent;
    await world.eventually(() => agent.asked > asked);
    await world.shows('qwen', { phase: 'Ready', columns: { Ready: '3/3' }, events: ['Normal ReplicaCreated', 'Normal Loaded'] });
    const percents = world.history('qwen').flatMap(({ loading }) => (loading ? [loading.percent] : []));
    expect(percents).toEqual([...percents].sort((a, b) => a - b));
    expect(counts.mostThere).toBe(3);
    await world.wrote({ ...costs({ pods: 3, patched: 3, status: 18 }), 'PATCH modeldeployments': 1, 'POST events': 2 });
  });

  scenario('a controller that dies while it creates: no pod too many', async (world) => {
    world.kubelet.usual = loads(load(1_000));
    const counts = world.countPods();
    await world.apply('qwen', { replicas: 8, rollout });
    await world.eventually(() => (world.writes()['POST pods'] ?? 0) >= 2);
    await world.dropOperator();
    world.startOperator();
    await world.loaded('qwen', 8);
    expect(counts.mostThere).toBe(8);
    await world.shows('qwen', { phase: 'Ready', columns: { Ready: '8/8' }, conditions: { Progressing: 'False RolloutComplete' } });
    await world.wrote(
      costs({
        pods: 8,
        patched: 8,
        status: 24,
        events: 9,
        // Those that were under way are not told from those that were never sent.
        more: { 'POST pods': atMost(16), 'POST controllerrevisions': atMost(2), 'POST poddisruptionbudgets': atMost(2) },
      }),
    );
  });

  scenario('a controller that dies in the middle of a rollout: the next one finishes it', async (world) => {
    const length = (contextLength: number) => ({ model: { source: 'hf://a/b', contextLength }, replicas: 2, rollout });
    world.kubelet.usual = loads(load(1_000));
    await world.apply('qwen', length(1024));
    await world.loaded('qwen', 2);
    const counts = world.countPods();
    await world.apply('qwen', length(2048));
    await world.kubelet.pod(2);
    await world.dropOperator();
    world.startOperator();
    await world.loaded('qwen', 2);
    await world.eventually(() => expect(world.pods()).toHaveLength(2));
    expect(new Set(world.pods().map(revisionOf)).size).toBe(1);
    expect(counts.mostStanding).toBeLessThanOrEqual(3);
    expect(counts.fewestServing).toBeGreaterThanOrEqual(2);
    await world.shows('qwen', {
      conditions: { Progressing: 'False RolloutComplete' },
      columns: { Ready: '2/2' },
      events: ['Normal RolloutComplete'],
    });
    await world.wrote(costs({ pods: 4, deleted: 2, patched: 8, revisions: 3, status: 30, events: 14, more: { 'DELETE pods': atMost(3) } }));
  });
});
