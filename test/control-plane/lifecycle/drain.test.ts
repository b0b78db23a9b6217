import { expect } from 'vitest';
import { annotations } from '../../../src/api/resources.ts';
import { atMost, costs } from './harness/budget.ts';
import { holds, load, warm } from './harness/curve.ts';
import { scenario, scenarios } from './harness/scenario.ts';
import type { ScriptedAgent } from './harness/scripted-agent.ts';
import { loads } from './harness/scripted-kubelet.ts';
import type { World } from './harness/world.ts';

const rollout = { noProgressTimeout: '30s', drainTimeout: '3s' } as const;
const patient = { ...rollout, drainTimeout: '60s' } as const;

function busy(requests: number): (agent: ScriptedAgent) => void {
  return (agent) => {
    agent.inFlight = requests;
  };
}

function names(world: World): readonly string[] {
  return world.pods().map(({ metadata }) => metadata.name);
}

function isMarked(world: World, name: string): boolean {
  return world.pods().find(({ metadata }) => metadata.name === name)?.metadata.annotations?.[annotations.draining] === 'true';
}

scenarios('scaling', () => {
  scenario('out: the first serves on while others load', async (world) => {
    world.kubelet.usual = loads(load(1_000));
    await world.apply('qwen', { rollout });
    await world.loaded('qwen', 1);
    const counts = world.countPods();
    await world.patch('qwen', { spec: { replicas: 3 } });
    await world.shows('qwen', { conditions: { Progressing: 'True Loading', Loaded: 'False Loading' }, columns: { Ready: '1/3' } });
    await world.loaded('qwen', 3);
    await world.shows('qwen', { conditions: { Loaded: 'True Loaded', Progressing: 'False RolloutComplete' }, columns: { Ready: '3/3' } });
    expect(counts).toMatchObject({ fewestServing: 1, mostThere: 3 });
    await world.wrote(costs({ pods: 3, patched: 3, status: 16 }));
  });

  scenario('in: what is not loaded goes first, then the idlest', async (world) => {
    const { kubelet } = world;
    kubelet.next.push(loads(warm, busy(3)), loads(warm), loads([holds('LoadingWeights', 20)]));
    await world.apply('qwen', { replicas: 3, rollout });
    const [working, idle, loading] = [await kubelet.pod(0), await kubelet.pod(1), await kubelet.pod(2)];
    await world.shows('qwen', { columns: { Ready: '2/3' } });
    await world.patch('qwen', { spec: { replicas: 2 } });
    await world.eventually(() => expect(names(world).toSorted()).toEqual([working.name, idle.name].toSorted()));
    await world.loaded('qwen', 2);
    await world.patch('qwen', { spec: { replicas: 1 } });
    await world.eventually(() => expect(names(world)).toEqual([working.name]));
    await world.shows('qwen', { phase: 'Ready', columns: { Ready: '1/1' }, conditions: { Progressing: 'False RolloutComplete' } });
    expect(loading.agent?.drainsAsked ?? 0).toBe(0);
    await world.wrote(costs({ pods: 3, deleted: 2, patched: 3, status: 20, events: 8, more: { 'DELETE poddisruptionbudgets': 1 } }));
  });

  scenario('in: of two that are idle the newest goes', async (world) => {
    world.kubelet.usual = loads(warm);
    await world.apply('qwen', { rollout });
    await world.loaded('qwen', 1);
    const old = await world.kubelet.pod(0);
    // Ages are whole seconds.
    await world.eventually(() => Date.now() - old.createdAt > 1_100);
    await world.patch('qwen', { spec: { replicas: 2 } });
    await world.loaded('qwen', 2);
    await world.patch('qwen', { spec: { replicas: 1 } });
    await world.eventually(() => expect(names(world)).toEqual([old.name]));
    await world.wrote(
      costs({ pods: 2, deleted: 1, patched: 3, status: 20, events: 8, more: { 'DELETE poddisruptionbudgets': atMost(1) } }),
    );
  });

  scenario('to zero and back', async (world) => {
    world.kubelet.usual = loads(warm);
    await world.apply('qwen', { replicas: 2, rollout });
    await world.loaded('qwen', 2);
    await world.patch('qwen', { spec: { replicas: 0 } });
    await world.shows('qwen', {
      phase: 'ScaledToZero',
      conditions: { Ready: 'False ScaledToZero', Progressing: 'False RolloutComplete', Degraded: 'False AsWanted' },
      columns: { Ready: '0/0', Phase: 'ScaledToZero', Load: '-', ETA: '-' },
      replicas: [],
    });
    expect(world.pods()).toEqual([]);
    await world.patch('qwen', { spec: { replicas: 1 } });
    await world.loaded('qwen', 1);
    await world.wrote(
      costs({ pods: 3, deleted: 2, patched: 5, status: 24, events: 10, more: { 'DELETE poddisruptionbudgets': atMost(1) } }),
    );
  });

  scenario('suspend ends all replicas, resume brings them back', async (world) => {
    world.kubelet.usual = loads(warm);
    await world.apply('qwen', { replicas: 2, rollout });
    await world.loaded('qwen', 2);
    await world.patch('qwen', { spec: { suspend: true } });
    await world.shows('qwen', {
      phase: 'Suspended',
      conditions: { Ready: 'False Suspended: spec.suspend is true', Loaded: 'False Suspended' },
      columns: { Ready: '0/0', Phase: 'Suspended' },
      replicas: [],
    });
    await world.patch('qwen', { spec: { suspend: false } });
    await world.loaded('qwen', 2);
    await world.wrote(
      costs({
        pods: 4,
        deleted: 2,
        patched: 6,
        status: 24,
        events: 12,
        more: { 'POST poddisruptionbudgets': atMost(2), 'DELETE poddisruptionbudgets': atMost(1) },
      }),
    );
  });
});

scenarios('draining', () => {
  scenario('what runs is finished before the pod goes', async (world) => {
    const { kubelet } = world;
    kubelet.next.push(loads(warm, busy(4)), loads(warm, busy(2)));
    await world.apply('qwen', { replicas: 2, rollout: patient });
    await world.loaded('qwen', 2);
    const [stays, goes] = [await kubelet.pod(0), await kubelet.pod(1)];
    const agent = await kubelet.agent(1);
    await world.patch('qwen', { spec: { replicas: 1 } });
    await world.eventually(() => expect(isMarked(world, goes.name)).toBe(true));
    await world.eventually(() => expect(agent.draining).toBe(true));
    await world.shows('qwen', {
      conditions: { Progressing: `True Draining: Waits until 2 running requests are answered`, Ready: 'True Ready' },
      replicas: [
        { name: stays.name, phase: 'Ready' },
        { name: goes.name, phase: 'Draining' },
      ],
      columns: { Ready: '1/1' },
    });
    agent.inFlight = 1;
    const { asked } = agent;
    await world.eventually(() => agent.asked > asked + 1);
    expect(names(world)).toContain(goes.name);
    agent.inFlight = 0;
    await world.eventually(() => expect(names(world)).toEqual([stays.name]));
    expect(agent.drainsAsked).toBe(1);
    expect((await kubelet.agent(0)).drainsAsked).toBe(0);
    await world.wrote(costs({ pods: 2, deleted: 1, patched: 3, status: 20, events: 6, more: { 'DELETE poddisruptionbudgets': 1 } }));
  });

  scenario('it is cut off when drainTimeout has passed', async (world) => {
    const { kubelet } = world;
    kubelet.next.push(loads(warm, busy(4)), loads(warm, busy(2)));
    kubelet.ends = () => true;
    await world.apply('qwen', { replicas: 2, rollout });
    await world.loaded('qwen', 2);
    const [stays, goes] = [await kubelet.pod(0), await kubelet.pod(1)];
    await world.patch('qwen', { spec: { replicas: 1 } });
    await world.eventually(() => expect(isMarked(world, goes.name)).toBe(true));
    const since = Date.now();
    await world.eventually(() => expect(names(world)).toEqual([stays.name]));
    expect(Date.now() - since).toBeGreaterThan(1_900); // whole seconds are told
    await world.shows('qwen', { events: ['Warning ReplicaDrainTimeout'], columns: { Ready: '1/1' } });
    await world.wrote(costs({ pods: 2, deleted: 1, patched: 3, status: 20, events: 6, more: { 'DELETE poddisruptionbudgets': 1 } }));
  });

  scenario('an agent that does not obey is given its time, no more', async (world) => {
    const { kubelet } = world;
    kubelet.usual = loads(warm, (agent) => {
      agent.obedient = false;
    });
    kubelet.ends = () => true;
    await world.apply('qwen', { rollout });
    await world.loaded('qwen', 1);
    await world.patch('qwen', { spec: { replicas: 0 } });
    await world.shows('qwen', { phase: 'ScaledToZero', replicas: [], columns: { Ready: '0/0' }, events: ['Warning ReplicaDrainTimeout'] });
    expect((await kubelet.pod(0)).agent?.drainsAsked).toBeGreaterThan(1);
    await world.wrote(costs({ pods: 1, deleted: 1, patched: 2, status: 16, events: 5 }));
  });

  scenario('a crash ends the drain', async (world) => {
    const { kubelet } = world;
    kubelet.usual = loads(warm, busy(2));
    kubelet.ends = () => true;
    await world.apply('qwen', { rollout: patient });
    await world.loaded('qwen', 1);
    const pod = await kubelet.pod(0);
    await world.patch('qwen', { spec: { replicas: 0 } });
    await world.eventually(() => expect(pod.agent?.draining).toBe(true));
    await pod.crashes({ exitCode: 139, message: 'Segmentation fault' });
    await world.shows('qwen', { phase: 'ScaledToZero', replicas: [], columns: { Ready: '0/0' } });
    await world.wrote(costs({ pods: 1, deleted: 1, patched: 2, status: 16, events: 6 }));
  });
});
