import { expect } from 'vitest';
import { costs } from './harness/budget.ts';
import { failsWith, holds, load, stallsAt, warm } from './harness/curve.ts';
import { scenario, scenarios } from './harness/scenario.ts';
import { loads } from './harness/scripted-kubelet.ts';

/** What agents tell, in the words of sources and engines; `artifacts` is what happens to ArtifactsReady. */
const told = [
  ['SourceUnauthorized', 'hf://Qwen/Qwen3-4B answered 401 Unauthorized', 'check spec.model.secretRef', 'False'],
  ['SourceNotFound', 'hf://Qwen/Qwen3-4B answered 404 Not Found', 'check the path, the repository and the revision', 'False'],
  ['SourceUntrusted', 'self-signed certificate in certificate chain', 'check the address or add the CA', 'False'],
  ['SourceUnreachable', 'connect ECONNREFUSED 192.0.2.1:443', 'check the network and the address', 'False'],
  ['OutOfDisk', '4 GB are needed, 1 GB is free in /var/cache/modelfleet', 'free space', 'False'],
  ['ChecksumMismatch', 'model.gguf is sha256:aa, not sha256:bb', 'correct spec.model.checksums', 'False'],
  ['UnsupportedModel', 'unknown model architecture: mamba9', 'choose another engine.type', 'True'],
  ['DeviceOutOfMemory', 'CUDA error: out of memory', 'lower contextLength', 'True'],
  ['KVCacheTooSmall', 'no room for 1 sequence of 32768 tokens', 'lower contextLength or maxSequences', 'True'],
  ['DriverIncompatible', 'CUDA driver version is insufficient for CUDA runtime version', 'update the driver', 'True'],
  ['DeviceMissing', 'asked for CUDA, found CPU', 'check resources.gpu', 'True'],
] as const;

scenarios('failures that an agent tells', () => {
  for (const [reason, words, remedy, artifacts] of told)
    scenario(`${reason}: says what it was and what to do, once`, async (world) => {
      const phase = artifacts === 'True' ? 'LoadingWeights' : 'Fetching';
      world.kubelet.usual = loads([holds(phase, 30)]);
      await world.apply('qwen');
      await world.shows('qwen', { phase: 'Loading', loading: { phase } });
      const agent = await world.kubelet.agent(0);
      agent.play(failsWith(reason, words));
      await world.shows('qwen', {
        phase: 'Failed',
        conditions: { Ready: `False ${reason}: ${words}`, Loaded: `False ${reason}: ${remedy}`, Progressing: `False ${reason}: ${words}` },
        columns: { Ready: '0/1', Phase: 'Failed', ETA: '-' },
        replicas: [{ phase: 'Failed', reason, message: expect.stringContaining(remedy) }],
        events: [`Warning ${reason}`, 'Normal ReplicaCreated'],
      });
      expect(world.get('qwen')?.status?.conditions?.find(({ type }) => type === 'ArtifactsReady')?.status).toBe(artifacts);
      const { asked } = agent;
      await world.writesNothingUntil(() => agent.asked > asked + 1);
      await world.wrote(costs({ pods: 1, status: 8, events: 2 }));
    });

  scenario('SourceRateLimited: passes when the source lets it', async (world) => {
    world.kubelet.usual = loads(failsWith('SourceRateLimited', 'hf://Qwen/Qwen3-4B answered 429 Too Many Requests'));
    await world.apply('qwen');
    await world.shows('qwen', { phase: 'Failed', conditions: { Ready: 'False SourceRateLimited: 429 Too Many Requests' } });
    (await world.kubelet.agent(0)).play(load(1_000));
    await world.shows('qwen', {
      phase: 'Ready',
      conditions: { Ready: 'True Ready', Degraded: 'False AsWanted' },
      columns: { Ready: '1/1' },
      events: ['Warning SourceRateLimited', 'Normal Loaded'],
    });
    await world.wrote(costs({ pods: 1, status: 10, events: 3 }));
  });

  scenario('a wedged engine is told, and that it serves again', async (world) => {
    world.kubelet.usual = loads(warm);
    await world.apply('qwen');
    await world.loaded('qwen', 1);
    const agent = await world.kubelet.agent(0);
    agent.play(failsWith('EngineWedged', 'A request ran for 1m without a token; the engine was ended.'));
    await world.shows('qwen', {
      conditions: { Ready: 'False EngineWedged: without a token', Degraded: 'True EngineWedged: without a token' },
      columns: { Ready: '0/1' },
      events: ['Warning EngineWedged'],
    });
    agent.play(load(800));
    await world.shows('qwen', {
      phase: 'Ready',
      conditions: { Ready: 'True Ready', Degraded: 'False AsWanted' },
      columns: { Ready: '1/1' },
    });
    await world.wrote(costs({ pods: 1, status: 16 }));
  });

  scenario('a load that stalls is replaced after a while, and recovers', async (world) => {
    world.kubelet.next.push(loads(stallsAt(40, 800)));
    world.kubelet.usual = loads(load(1_000));
    await world.apply('qwen', { rollout: { noProgressTimeout: '2s', drainTimeout: '1s' } });
    await world.shows('qwen', {
      conditions: { Stalled: 'True NoProgress: No progress in phase LoadingWeights', Ready: 'False NoProgress' },
      columns: { Ready: '0/1' },
      events: ['Warning Stalled'],
    });
    const first = await world.kubelet.pod(0);
    const second = await world.kubelet.pod(1);
    expect(second.createdAt - first.createdAt).toBeGreaterThan(2_000);
    await world.loaded('qwen', 1);
    await world.shows('qwen', {
      conditions: { Stalled: 'False Moving', Ready: 'True Ready' },
      events: ['Warning Stalled', 'Normal Loaded'],
    });
    await world.wrote(costs({ pods: 2, deleted: 1, events: 6 }));
  });
});
