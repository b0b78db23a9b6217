import { beforeAll, expect, inject } from 'vitest';
import { controllerRevisions } from '../../../controllers/modeldeployment/controller-revision.ts';
import { modelDeployments } from '../../../controllers/modeldeployment/status-writer.ts';
import { drainFinalizer } from '../../../src/api/resources.ts';
import { namespaces, nodes, type Pod } from '../../../src/kube/index.ts';
import { openAccount } from './harness/account.ts';
import { atMost, costs } from './harness/budget.ts';
import { holds, warm } from './harness/curve.ts';
import { scenario, scenarios } from './harness/scenario.ts';
import { loads } from './harness/scripted-kubelet.ts';
import { until } from './harness/until.ts';
import type { World } from './harness/world.ts';

const rollout = { noProgressTimeout: '30s', drainTimeout: '3s' } as const;
const patient = { ...rollout, drainTimeout: '60s' } as const;

async function gone(world: World, name = 'qwen', timeoutMs?: number): Promise<void> {
  await world.eventually(() => expect(world.get(name)).toBeUndefined(), timeoutMs);
}

function owners(pod: Pod | undefined): readonly string[] {
  return (pod?.metadata.ownerReferences ?? []).map(({ kind }) => kind);
}

scenarios('deletion', () => {
  // The garbage collector learns of new kinds each half minute: before it nothing is orphaned or waited for.
  beforeAll(async () => {
    const { admin } = await openAccount(inject('kubeconfig'));
    const probe = { namespace: 'default', name: 'life-probe' };
    await admin.apply(modelDeployments, { metadata: probe, spec: { model: { source: 'hf://a/b' }, replicas: 0 } }, { force: true });
    await admin.delete(modelDeployments, probe, { propagationPolicy: 'Foreground' });
    await until(async () => (await admin.list(modelDeployments, { namespace: 'default' })).items.length === 0, 75_000);
  }, 90_000);

  scenario('while it loads: at once, for nobody waits for it', async (world) => {
    world.kubelet.usual = loads([holds('LoadingWeights', 30)]);
    await world.apply('qwen', { replicas: 2, rollout: patient });
    await world.shows('qwen', { phase: 'Loading', columns: { Ready: '0/2' } });
    expect(world.get('qwen')?.metadata.finalizers).toContain(drainFinalizer);
    await world.delete('qwen');
    await gone(world);
    expect(world.pods()).toEqual([]);
    expect(world.kubelet.pods.map(({ agent }) => agent?.drainsAsked)).toEqual([0, 0]);
    await world.wrote({ ...costs({ pods: 2, deleted: 2, patched: 0, status: 10, events: 4 }), 'PATCH modeldeployments': 2 });
  });

  scenario('while it streams: answers are finished first', async (world) => {
    world.kubelet.usual = loads(warm, (agent) => {
      agent.inFlight = 2;
    });
    await world.apply('qwen', { rollout: patient });
    await world.loaded('qwen', 1);
    const agent = await world.kubelet.agent(0);
    await world.delete('qwen');
    await world.eventually(() => expect(agent.draining).toBe(true));
    await world.shows('qwen', {
      phase: 'Terminating',
      conditions: { Ready: 'False Terminating', Progressing: 'True Terminating: Waits until 2 running requests are answered' },
      columns: { Phase: 'Terminating' },
      replicas: [{ phase: 'Draining' }],
    });
    const { asked } = agent;
    await world.eventually(() => agent.asked > asked + 1);
    expect(world.pods()).toHaveLength(1);
    agent.inFlight = 0;
    await gone(world);
    expect(world.pods()).toEqual([]);
    await world.wrote({ ...costs({ pods: 1, deleted: 1, patched: 2, status: 16, events: 6 }), 'PATCH modeldeployments': 2 });
    await world.eventually(async () => expect(await world.list(controllerRevisions)).toEqual([]));
  });

  scenario('with requests that never end: cut off after drainTimeout', async (world) => {
    world.kubelet.usual = loads(warm, (agent) => {
      agent.inFlight = 2;
    });
    world.kubelet.ends = () => true;
    await world.apply('qwen', { rollout });
    await world.loaded('qwen', 1);
    await world.delete('qwen');
    await gone(world);
    expect(world.pods()).toEqual([]);
    await world.wrote(costs({ pods: 1, deleted: 1, patched: 2, status: 16, events: 6 }));
  });

  scenario('with --cascade=orphan: the pods serve on', async (world) => {
    world.kubelet.usual = loads(warm);
    await world.apply('qwen', { replicas: 2, rollout });
    await world.loaded('qwen', 2);
    const before = world.pods().map(({ metadata }) => metadata.uid);
    await world.delete('qwen', 'Orphan');
    await gone(world);
    expect(world.pods().map(({ metadata }) => metadata.uid)).toEqual(before);
    expect(world.pods().flatMap(owners)).toEqual([]);
    expect(world.kubelet.pods.map(({ agent }) => agent?.drainsAsked)).toEqual([0, 0]);
    await world.wrote(costs({ pods: 2, patched: 2, status: 12, events: 4 }));
  });

  scenario('in the foreground: it goes after its pods', async (world) => {
    world.kubelet.usual = loads(warm);
    await world.apply('qwen', { replicas: 2, rollout });
    await world.loaded('qwen', 2);
    await world.delete('qwen', 'Foreground');
    await gone(world, 'qwen', 20_000);
    expect(world.pods()).toEqual([]);
    await world.wrote(costs({ pods: 2, patched: 4, status: 16, events: 8, more: { 'DELETE pods': atMost(2) } }));
  });

  scenario('of its namespace: nothing keeps it', async (world) => {
    world.kubelet.usual = loads(warm);
    await world.apply('qwen', { replicas: 2, rollout });
    await world.loaded('qwen', 2);
    await world.admin.delete(namespaces, { name: world.namespace });
    await gone(world, 'qwen', 20_000);
    await world.eventually(
      async () => expect((await world.admin.list(namespaces, { fieldSelector: `metadata.name=${world.namespace}` })).items).toEqual([]),
      30_000,
    );
    // What is said in a namespace that goes is refused.
    await world.wrote(costs({ pods: 2, patched: 4, status: 16, events: 8, more: { 'DELETE pods': atMost(4) } }));
  });

  scenario('with a replica on a lost node: it ends all the same', async (world) => {
    const { kubelet, namespace } = world;
    kubelet.usual = loads(warm);
    await world.apply('qwen', { rollout });
    await world.loaded('qwen', 1);
    await kubelet.lose(`${namespace}-a`);
    await world.admin.delete(nodes, { name: `${namespace}-a` });
    await world.delete('qwen');
    await gone(world);
    await world.wrote(costs({ pods: 1, patched: 2, status: 16, events: 8, more: { 'DELETE pods': atMost(1) } }));
  });

  scenario('of one that is suspended, and of one that cannot be run', async (world) => {
    world.kubelet.usual = loads(warm);
    await world.apply('idle', { suspend: true });
    await world.apply('odd', { engine: { type: 'VLLM' } });
    await world.shows('idle', { phase: 'Suspended', columns: { Ready: '0/0', Phase: 'Suspended' } });
    await world.shows('odd', { phase: 'Failed', conditions: { Accepted: 'False UnsupportedEngine: use Worker' } });
    for (const name of ['idle', 'odd']) await world.delete(name);
    for (const name of ['idle', 'odd']) await gone(world, name);
    await world.wrote({
      'PATCH modeldeployments/status': atMost(6),
      'POST controllerrevisions': atMost(1),
      'POST events': atMost(2),
      'PATCH modeldeployments': atMost(2),
    });
  });

  scenario('of a spec that was made impossible while replicas served', async (world) => {
    world.kubelet.usual = loads(warm);
    await world.apply('qwen', { rollout });
    await world.loaded('qwen', 1);
    await world.apply('qwen', { rollout, engine: { type: 'VLLM' } });
    await world.shows('qwen', {
      phase: 'Degraded',
      conditions: { Accepted: 'False UnsupportedEngine', Ready: 'True StillServing', Progressing: 'False UnsupportedEngine' },
    });
    expect(world.pods()).toHaveLength(1);
    await world.delete('qwen');
    await gone(world);
    expect(world.pods()).toEqual([]);
    await world.wrote(costs({ pods: 1, deleted: 1, patched: 2, status: 16, events: 8 }));
  });
});
