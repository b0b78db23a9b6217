import { expect } from 'vitest';
import { controllerRevisions } from '../../../controllers/modeldeployment/controller-revision.ts';
import type { ModelDeploymentSpec } from '../../../src/api/model-deployment.ts';
import { isReplicaReady } from '../../../src/api/replica.ts';
import { annotations } from '../../../src/api/resources.ts';
import { pods } from '../../../src/kube/index.ts';
import { costs } from './harness/budget.ts';
import { failsWith, holds, load, warm } from './harness/curve.ts';
import { scenario, scenarios } from './harness/scenario.ts';
import { loads } from './harness/scripted-kubelet.ts';
import { revisionOf, type World } from './harness/world.ts';

const quick = { noProgressTimeout: '2s', drainTimeout: '2s' } as const;

/** A spec whose pods differ from those of another length. */
function model(contextLength: number, rollout: ModelDeploymentSpec['rollout'] = {}, replicas = 2): Partial<ModelDeploymentSpec> {
  return { model: { source: 'hf://Qwen/Qwen3-4B', contextLength }, replicas, rollout: { ...quick, ...rollout } };
}

function revisionsOf(world: World): readonly string[] {
  return [...new Set(world.pods().map(revisionOf))];
}

scenarios('rollouts', () => {
  scenario('with a surge: the new is loaded before the old goes', async (world) => {
    world.kubelet.usual = loads(load(1_000));
    await world.apply('qwen', model(1024));
    await world.loaded('qwen', 2);
    const [before] = revisionsOf(world);
    const counts = world.countPods();
    await world.apply('qwen', model(2048));
    await world.shows('qwen', { conditions: { Progressing: 'True NewRevision', Ready: 'True Ready', Degraded: 'False AsWanted' } });
    await world.loaded('qwen', 2);
    await world.eventually(() => expect(world.pods()).toHaveLength(2));
    await world.shows('qwen', {
      conditions: { Progressing: 'False RolloutComplete' },
      columns: { Ready: '2/2', Revision: revisionsOf(world)[0] },
      events: ['Normal RolloutComplete'],
    });
    expect(revisionsOf(world)).not.toContain(before);
    expect(counts.fewestServing).toBeGreaterThanOrEqual(2);
    expect(counts.mostThere).toBeLessThanOrEqual(4);
    await world.wrote(costs({ pods: 4, deleted: 2, patched: 6, revisions: 2, status: 24, events: 12 }));
  });

  scenario('without room: the old goes first, and its place is free before the new comes', async (world) => {
    world.kubelet.usual = loads(load(600));
    await world.apply('qwen', model(1024, { maxSurge: 0, maxUnavailable: 1 }));
    await world.loaded('qwen', 2);
    const counts = world.countPods();
    await world.apply('qwen', model(2048, { maxSurge: 0, maxUnavailable: 1 }));
    await world.loaded('qwen', 2, 25_000);
    await world.shows('qwen', { conditions: { Progressing: 'False RolloutComplete' }, events: ['Normal RolloutComplete'] });
    expect(counts.mostThere).toBe(2);
    expect(counts.fewestServing).toBeGreaterThanOrEqual(1);
    await world.wrote(costs({ pods: 4, deleted: 2, patched: 6, revisions: 2, status: 24, events: 12 }));
  });

  scenario('Recreate: no two revisions at a time', async (world) => {
    world.kubelet.usual = loads(load(600));
    await world.apply('qwen', model(1024, { strategy: 'Recreate' }));
    await world.loaded('qwen', 2);
    const counts = world.countPods();
    await world.apply('qwen', model(2048, { strategy: 'Recreate' }));
    await world.loaded('qwen', 2);
    await world.shows('qwen', { conditions: { Progressing: 'False RolloutComplete' }, columns: { Ready: '2/2' } });
    expect(counts).toMatchObject({ mostThere: 2, mostRevisions: 1, fewestServing: 0 });
    await world.wrote(costs({ pods: 4, deleted: 2, patched: 6, revisions: 2, status: 24, events: 12 }));
  });

  scenario('a revision that fails stops the rollout, and the old one serves on', async (world) => {
    world.kubelet.usual = loads(warm);
    await world.apply('qwen', model(1024));
    await world.loaded('qwen', 2);
    const old = world.pods().map(({ metadata }) => metadata.name);
    const counts = world.countPods();
    world.kubelet.usual = loads(failsWith('DeviceOutOfMemory', 'CUDA error: out of memory'));
    await world.apply('qwen', model(131_072));
    await world.shows('qwen', {
      phase: 'Degraded',
      conditions: {
        Progressing: 'False DeviceOutOfMemory: CUDA error: out of memory',
        Degraded: 'True DeviceOutOfMemory: kubectl modelfleet rollback qwen',
        Ready: 'True Ready',
      },
      columns: { Ready: '2/2' },
      events: ['Warning DeviceOutOfMemory', 'Warning RolloutHalted'],
    });
    const agent = await world.kubelet.agent(2);
    const { asked } = agent;
    await world.writesNothingUntil(() => agent.asked > asked + 2);
    expect(world.pods().map(({ metadata }) => metadata.name)).toEqual(expect.arrayContaining(old));
    expect(counts).toMatchObject({ mostThere: 3, fewestServing: 2 });
    await world.wrote(costs({ pods: 3, patched: 2, revisions: 2, status: 16, events: 8 }));
  });

  scenario('a revision that fails: a replica of the old one that goes meanwhile is made again as it was', async (world) => {
    world.kubelet.usual = loads(warm);
    await world.apply('qwen', model(1024));
    await world.loaded('qwen', 2);
    const [kept, victim] = world.pods().map(({ metadata }) => metadata.name);
    const revision = world.get('qwen')?.status?.revision;
    world.kubelet.usual = loads(failsWith('DeviceOutOfMemory', 'CUDA error: out of memory'));
    await world.apply('qwen', model(131_072));
    await world.shows('qwen', { conditions: { Progressing: 'False DeviceOutOfMemory' } });
    world.kubelet.next.push(loads(warm));
    await world.admin.delete(pods, { namespace: world.namespace, name: victim ?? '' });
    await world.eventually(() => {
      const serving = world.pods().filter((pod) => isReplicaReady(pod));
      expect(serving.map(revisionOf)).toEqual([revision, revision]);
      expect(serving.map(({ metadata }) => metadata.name)).toContain(kept);
    });
    await world.shows('qwen', {
      conditions: { Progressing: 'False DeviceOutOfMemory', Ready: 'True Ready' },
      columns: { Ready: '2/2' },
    });
    const [former] = world.pods().filter((pod) => revisionOf(pod) === revision);
    const [restored] = world.pods().filter(({ metadata }) => metadata.annotations?.[annotations.restored]);
    expect(restored?.spec?.containers[0]?.env).toEqual(former?.spec?.containers[0]?.env);
    await world.wrote(costs({ pods: 4, deleted: 0, patched: 4, revisions: 2, status: 24, events: 10 }));
  });

  scenario('a spec that is taken back is rolled back at once', async (world) => {
    world.kubelet.usual = loads(warm);
    await world.apply('qwen', model(1024));
    await world.loaded('qwen', 2);
    const old = world.pods().map(({ metadata }) => metadata.name);
    const revision = world.get('qwen')?.status?.revision;
    world.kubelet.usual = loads(failsWith('UnsupportedModel', 'unknown model architecture: mamba9'));
    await world.apply('qwen', model(2048));
    await world.shows('qwen', { conditions: { Progressing: 'False UnsupportedModel' } });
    await world.apply('qwen', model(1024));
    await world.loaded('qwen', 2);
    await world.shows('qwen', {
      phase: 'Ready',
      conditions: { Progressing: 'False RolloutComplete', Degraded: 'False AsWanted', Ready: 'True Ready' },
      columns: { Ready: '2/2', Revision: revision },
    });
    await world.eventually(() => expect(world.pods().map(({ metadata }) => metadata.name)).toEqual(old));
    const history = await world.list(controllerRevisions);
    expect(history.toSorted((a, b) => a.revision - b.revision).at(-1)?.metadata.name).toBe(`qwen-${revision}`);
    await world.wrote(
      costs({ pods: 3, deleted: 1, patched: 2, revisions: 2, status: 20, events: 10, more: { 'PATCH controllerrevisions': 1 } }),
    );
  });

  scenario('two revisions in quick succession: only the last one stays', async (world) => {
    world.kubelet.usual = loads(load(800));
    await world.apply('qwen', model(1024));
    await world.loaded('qwen', 2);
    const counts = world.countPods();
    world.kubelet.next.push(loads([holds('Fetching', 10)]));
    await world.apply('qwen', model(2048));
    await world.kubelet.pod(2);
    await world.apply('qwen', model(4096));
    await world.loaded('qwen', 2, 25_000);
    await world.eventually(() => expect(world.pods()).toHaveLength(2));
    expect(revisionsOf(world)).toEqual([world.get('qwen')?.status?.revision]);
    expect(counts.fewestServing).toBeGreaterThanOrEqual(2);
    expect(counts.mostStanding).toBeLessThanOrEqual(3);
    await world.shows('qwen', { conditions: { Progressing: 'False RolloutComplete' }, columns: { Ready: '2/2' } });
    await world.wrote(costs({ pods: 5, deleted: 3, patched: 7, revisions: 3, status: 30, events: 14 }));
  });

  scenario('what only the gateway reads restarts nothing', async (world) => {
    world.kubelet.usual = loads(warm);
    await world.apply('qwen', model(1024));
    await world.loaded('qwen', 2);
    const before = world.pods().map(({ metadata }) => metadata.uid);
    await world.apply('qwen', { ...model(1024, { maxSurge: 2 }), serving: { names: ['gpt-4o-mini'], maxQueue: 3 } });
    await world.eventually(() =>
      expect(world.get('qwen')?.status).toMatchObject({ observedGeneration: 2, models: ['gpt-4o-mini', expect.any(String)] }),
    );
    await world.shows('qwen', { phase: 'Ready', conditions: { Progressing: 'False RolloutComplete' }, columns: { Ready: '2/2' } });
    expect(world.pods().map(({ metadata }) => metadata.uid)).toEqual(before);
    await world.wrote(costs({ pods: 2, revisions: 1, events: 3 }));
  });

  scenario('restartedAt replaces every replica', async (world) => {
    world.kubelet.usual = loads(warm);
    await world.apply('qwen', model(1024));
    await world.loaded('qwen', 2);
    const before = world.pods().map(({ metadata }) => metadata.name);
    await world.restart('qwen');
    await world.eventually(() => {
      const names = world.pods().map(({ metadata }) => metadata.name);
      expect(names).toHaveLength(2);
      for (const name of before) expect(names).not.toContain(name);
    });
    await world.shows('qwen', { phase: 'Ready', columns: { Ready: '2/2' }, conditions: { Progressing: 'False RolloutComplete' } });
    await world.wrote(costs({ pods: 4, deleted: 2, patched: 6, revisions: 2, status: 24, events: 12 }));
  });

  scenario('history: one entry for each revision, no more than wanted', async (world) => {
    world.kubelet.usual = loads(warm);
    for (const contextLength of [1024, 2048, 4096, 8192]) {
      await world.apply('qwen', model(contextLength, { revisionHistoryLimit: 1 }, 1));
      const { metadata } = world.get('qwen') ?? {};
      await world.eventually(() => expect(world.get('qwen')?.status?.observedGeneration).toBeGreaterThanOrEqual(metadata?.generation ?? 1));
      await world.loaded('qwen', 1);
      await world.eventually(() => expect(world.pods()).toHaveLength(1));
    }
    await world.eventually(async () => {
      const history = await world.list(controllerRevisions);
      expect(history.map(({ revision }) => revision).sort()).toEqual([3, 4]);
    });
    const newest = (await world.list(controllerRevisions)).find(({ revision }) => revision === 4);
    expect(newest?.metadata.name).toBe(`qwen-${world.get('qwen')?.status?.revision}`);
    expect(newest?.data).toMatchObject({ spec: { model: { contextLength: 8192 } } });
    await world.wrote(
      costs({ pods: 4, deleted: 3, patched: 7, revisions: 4, status: 40, events: 20, more: { 'DELETE controllerrevisions': 2 } }),
    );
  });
});
