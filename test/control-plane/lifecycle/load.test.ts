import { expect } from 'vitest';
import { annotations, protectionAnnotations } from '../../../src/api/resources.ts';
import { costs } from './harness/budget.ts';
import { holds, load, through, warm } from './harness/curve.ts';
import { scenario, scenarios } from './harness/scenario.ts';
import { silence } from './harness/scripted-agent.ts';
import { loads } from './harness/scripted-kubelet.ts';
import type { World } from './harness/world.ts';

/** Percents of all statuses while it loaded, as people saw them. */
function percentsOf(world: World): readonly number[] {
  return world.history('qwen').flatMap(({ loading }) => (loading ? [loading.percent] : []));
}

/** Times between two status writes while it loaded. */
function pausesOf(world: World): readonly number[] {
  const instants = world.log.writes.filter(({ what }) => what === 'PATCH modeldeployments/status').map(({ at }) => at);
  return instants.slice(1).map((at, index) => at - (instants[index] ?? 0));
}

scenarios('loading', () => {
  scenario('goes from nothing to Ready', async (world) => {
    world.kubelet.usual = loads(load(5_000));
    await world.apply('qwen');
    await world.shows('qwen', {
      phase: 'Loading',
      conditions: { Ready: 'False NotEnoughReplicas', Loaded: 'False Loading', Progressing: 'True Loading', Stalled: 'False Moving' },
      columns: { Ready: '0/1', Phase: 'Loading', Load: expect.stringMatching(/^\d+% (Fetching|LoadingWeights)$/) },
    });
    await world.shows('qwen', {
      phase: 'Ready',
      conditions: {
        Accepted: 'True Valid',
        ArtifactsReady: 'True Fetched',
        CapacityReady: 'True Placed',
        Loaded: 'True Loaded',
        Ready: 'True Ready',
        RouteReady: 'True NamesServed',
        Progressing: 'False RolloutComplete',
        Degraded: 'False AsWanted',
        Stalled: 'False Moving',
      },
      columns: { Ready: '1/1', Phase: 'Ready', Load: '100%', ETA: '-', Queue: 0, 'Node Class': 'small', Engine: 'Worker' },
      replicas: [{ phase: 'Ready', percent: 100, etaSeconds: 0, restarts: 0 }],
      events: ['Normal ReplicaCreated', 'Normal Loaded'],
    });
    const percents = percentsOf(world);
    expect(percents).toEqual([...percents].sort((a, b) => a - b));
    expect(new Set(percents).size).toBeGreaterThan(3);
    await world.wrote(costs({ pods: 1, events: 3 }));
    await world.wrote({ ...costs({ pods: 1, events: 3 }), 'PATCH modeldeployments': 1, 'PATCH pods': 1, 'POST controllerrevisions': 1 });
  });

  scenario('loads five replicas within its budget of writes', async (world) => {
    world.kubelet.usual = loads(load(4_000));
    const counts = world.countPods();
    await world.apply('qwen', { replicas: 5 });
    await world.shows('qwen', { phase: 'Ready', columns: { Ready: '5/5' }, events: ['Normal ReplicaCreated', 'Normal Loaded'] });
    await world.wrote({
      'PATCH modeldeployments': 1,
      'POST pods': 5,
      'PATCH pods': 5,
      'POST controllerrevisions': 1,
      'POST poddisruptionbudgets': 1,
      'POST events': 2,
      'PATCH modeldeployments/status': { atMost: 12 },
    });
    // The first tells that it began, the last that it ended; those between are paced.
    expect(Math.min(...pausesOf(world).slice(1, -1))).toBeGreaterThan(900);
    expect(counts.mostThere).toBe(5);
  });

  scenario('writes nothing while nothing changes', async (world) => {
    world.kubelet.usual = loads(warm);
    await world.apply('qwen', { replicas: 2 });
    await world.loaded('qwen', 2);
    await world.wrote({
      ...costs({ pods: 2 }),
      'PATCH pods': 2,
      'POST poddisruptionbudgets': 1,
      'POST controllerrevisions': 1,
      'POST events': 2,
    });
    const agents = [await world.kubelet.agent(0), await world.kubelet.agent(1)];
    const asked = agents.map((agent) => agent.asked);
    await world.writesNothingUntil(() => agents.every((agent, index) => agent.asked > (asked[index] ?? 0)));
  });

  scenario('knows how long the second load takes before a byte has moved', async (world) => {
    world.kubelet.usual = async (pod, kubelet) => {
      await pod.bind(kubelet.node);
      const { createdAt } = pod;
      await kubelet.when(() => Date.now() - createdAt > 5_000); // a large image, a slow volume
      await pod.prepared();
      await pod.runs(load(2_000));
      await pod.probed();
    };
    await world.apply('qwen');
    await world.loaded('qwen', 1);
    await world.eventually(() => expect(world.get('qwen')?.status?.loadTimes).toMatchObject([{ nodeClass: 'small' }]));
    await world.patch('qwen', { spec: { replicas: 2 } });
    await world.eventually(() => {
      const early = world.history('qwen').filter(({ replicas, loading }) => replicas === 2 && loading?.bytesDone === undefined);
      expect(early.map(({ loading }) => loading?.etaSeconds)).toContainEqual(expect.any(Number));
      expect(early.map(({ columns }) => columns?.eta)).toContainEqual(expect.stringMatching(/^\d+s$/));
    });
    await world.shows('qwen', { conditions: { Progressing: 'True Loading' }, columns: { Ready: '1/2' } });
    await world.wrote(costs({ pods: 2, patched: 2, status: 20 }));
  });

  scenario('tells no time that it does not know', async (world) => {
    world.kubelet.usual = loads([holds('Fetching', 10)]);
    await world.apply('qwen');
    await world.shows('qwen', { loading: { phase: 'Fetching' }, columns: { ETA: '?', Ready: '0/1' } });
    expect(world.history('qwen').every(({ loading }) => loading?.etaSeconds === undefined || loading.etaSeconds === null)).toBe(true);
    await world.wrote(costs({ pods: 1, status: 6, events: 1 }));
  });

  scenario('keeps autoscalers away while it loads, and only then', async (world) => {
    world.kubelet.usual = loads(load(2_000));
    await world.apply('qwen');
    const [loading] = await world.hasPods(1);
    expect(loading?.metadata.annotations).toMatchObject(protectionAnnotations);
    await world.loaded('qwen', 1);
    await world.eventually(() => {
      const told = Object.keys(world.pods()[0]?.metadata.annotations ?? {});
      expect(told).toEqual([annotations.ports]);
    });
    await world.wrote({ ...costs({ pods: 1 }), 'PATCH pods': 1 });
  });

  scenario('does not go back when an agent does', async (world) => {
    const back = [through('Fetching', 1_500), through('LoadingWeights', 1_500, 0, 80), through('LoadingWeights', 1_500, 10, 90), ...warm];
    world.kubelet.usual = loads(back);
    await world.apply('qwen');
    await world.loaded('qwen', 1);
    const percents = percentsOf(world);
    expect(percents).toEqual([...percents].sort((a, b) => a - b));
    await world.wrote(costs({ pods: 1 }));
  });

  scenario('believes no nonsense of an agent, and is not held up by it', async (world) => {
    const { kubelet } = world;
    kubelet.next.push(
      loads(load(2_000), (agent) => {
        agent.lie = (truth) => ({ ...truth, percent: 'most of it', phase: 'NearlyThere' });
      }),
      loads(load(2_000), (agent) => {
        agent.lie = () => '<html>not an agent</html>';
      }),
    );
    kubelet.usual = loads(load(1_000));
    await world.apply('qwen', { replicas: 3 });
    // The kubelet finds them ready: they serve, whatever their status says.
    await world.shows('qwen', { columns: { Ready: '3/3' } });
    await world.wrote({ ...costs({ pods: 3 }), 'PATCH pods': 3 });
  });

  scenario('says that an agent does not answer', async (world) => {
    world.kubelet.usual = loads([holds('Fetching', 0)], (agent) => {
      agent.lie = () => silence;
    });
    await world.apply('qwen', { rollout: { noProgressTimeout: '2s', drainTimeout: '1s' } });
    await world.shows('qwen', {
      conditions: { Ready: 'False AgentUnreachable: network policies' },
      columns: { Ready: '0/1' },
      events: ['Warning AgentUnreachable'],
    });
  });

  scenario('gives a slow load all the time that it takes', async (world) => {
    world.kubelet.usual = loads(load(8_000));
    await world.apply('qwen', { rollout: { noProgressTimeout: '3s' } });
    await world.loaded('qwen', 1);
    const reasons = world.history('qwen').flatMap(({ replicaStatuses = [] }) => replicaStatuses.map(({ phase }) => phase));
    expect(reasons).not.toContain('Stalled');
    await world.wrote(costs({ pods: 1, status: 16 }));
  });

  scenario('shows the slowest of those that count', async (world) => {
    world.kubelet.next.push(loads(warm), loads([holds('LoadingWeights', 40)]), loads([holds('Fetching', 20)]));
    await world.apply('qwen', { replicas: 3 });
    const slow = await world.kubelet.pod(2);
    await world.shows('qwen', {
      phase: 'Loading',
      loading: { phase: 'Fetching', slowestReplica: slow.name },
      columns: { Ready: '1/3', Load: expect.stringMatching(/% Fetching$/) },
    });
    expect(world.get('qwen')?.status?.replicaStatuses?.map(({ phase }) => phase)).toEqual(['Fetching', 'LoadingWeights', 'Ready']);
    await world.wrote(costs({ pods: 3 }));
  });
});
