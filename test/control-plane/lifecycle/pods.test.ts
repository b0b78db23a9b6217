import { expect } from 'vitest';
import { events, nodes, pods } from '../../../src/kube/index.ts';
import { costs } from './harness/budget.ts';
import { holds, load, warm } from './harness/curve.ts';
import { scenario, scenarios } from './harness/scenario.ts';
import { loads, type Play } from './harness/scripted-kubelet.ts';
import type { World } from './harness/world.ts';

/** Bound to a node, where the container cannot start. */
function waits(reason: string, message: string): Play {
  return async (pod, kubelet) => {
    await pod.bind(kubelet.node);
    await pod.prepared();
    await pod.waits(reason, message);
  };
}

/** Loads, and ends with this as soon as the controller has heard of it; then starts again with the next of `plays`. */
function crashes(ended: { readonly exitCode: number; readonly reason?: string; readonly message?: string }, times: number): Play {
  return async (pod, kubelet) => {
    await pod.bind(kubelet.node);
    await pod.prepared();
    for (let time = 0; time < times; time += 1) {
      const agent = await pod.runs([holds('LoadingWeights', 40)]);
      await kubelet.when(() => agent.told !== undefined);
      await pod.crashes(ended);
    }
  };
}

async function podEvent(world: World, reason: string, message: string): Promise<void> {
  const pod = await world.kubelet.pod(0);
  const { namespace } = world;
  await world.admin.create(events, {
    metadata: { namespace, name: `${pod.name}.${reason.toLowerCase()}` },
    involvedObject: { apiVersion: 'v1', kind: 'Pod', name: pod.name, namespace, uid: pod.uid },
    type: 'Warning',
    reason,
    message,
    source: { component: 'kubelet' },
    firstTimestamp: new Date().toISOString(),
    lastTimestamp: new Date().toISOString(),
    count: 1,
  });
}

scenarios('what scheduler and kubelet tell', () => {
  scenario('an image that is not there: told once, however the kubelet words it', async (world) => {
    world.kubelet.usual = async (pod, kubelet) => {
      await waits('ErrImagePull', 'rpc error: code = NotFound desc = modelfleet/worker:cpu: not found')(pod, kubelet);
      await kubelet.when(() => world.events('qwen').some(({ reason }) => reason === 'ImagePullFailed'));
      await pod.waits('ImagePullBackOff', 'Back-off pulling image "modelfleet/worker:cpu": not found');
    };
    await world.apply('qwen');
    await world.shows('qwen', {
      phase: 'Loading',
      conditions: {
        Ready: 'False ImagePullFailed: modelfleet/worker:cpu',
        Progressing: 'False ImagePullFailed: Check the image name and the pull secret.',
      },
      columns: { Ready: '0/1', Load: expect.stringContaining('PullingImage') },
      replicas: [{ phase: 'PullingImage', reason: 'ImagePullFailed' }],
      events: ['Normal ReplicaCreated', 'Warning ImagePullFailed'],
    });
    await world.wrote(costs({ pods: 1, status: 6, events: 2 }));
  });

  scenario('an image name that is none', async (world) => {
    world.kubelet.usual = waits('InvalidImageName', 'Failed to apply default image tag "Worker:?": couldn\'t parse image name');
    await world.apply('qwen');
    await world.shows('qwen', {
      conditions: { Ready: "False ImagePullFailed: couldn't parse image name", Loaded: 'False ImagePullFailed' },
      columns: { Ready: '0/1' },
      events: ['Warning ImagePullFailed'],
    });
    await world.wrote(costs({ pods: 1, status: 5, events: 2 }));
  });

  scenario('no node with a GPU, until there is one', async (world) => {
    const words = '0/1 nodes are available: 1 Insufficient nvidia.com/gpu.';
    let free = false;
    world.kubelet.usual = async (pod, kubelet) => {
      await pod.unschedulable(words);
      await kubelet.when(() => free);
      await loads(warm)(pod, kubelet);
    };
    await world.apply('qwen', { resources: { gpu: {} } });
    await world.shows('qwen', {
      phase: 'Pending',
      conditions: { Ready: `False Unschedulable: ${words}`, CapacityReady: 'False Unschedulable: or add capacity' },
      columns: { Ready: '0/1', Phase: 'Pending', Load: '0%' },
      events: ['Warning Unschedulable'],
    });
    free = true;
    await world.shows('qwen', {
      phase: 'Ready',
      conditions: { CapacityReady: 'True Placed' },
      events: ['Warning Unschedulable', 'Normal Loaded'],
    });
    await world.wrote(costs({ pods: 1, status: 10 }));
  });

  scenario('a volume that is pending', async (world) => {
    world.kubelet.usual = (pod) => pod.unschedulable('0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.');
    await world.apply('qwen', { cache: { type: 'PersistentVolumeClaim', size: '1Gi' } });
    await world.shows('qwen', {
      phase: 'Pending',
      conditions: { Ready: 'False VolumeUnavailable: unbound immediate PersistentVolumeClaims', CapacityReady: 'False VolumeUnavailable' },
      columns: { Ready: '0/1' },
      events: ['Warning VolumeUnavailable'],
    });
    await world.wrote(costs({ pods: 1, status: 5, more: { 'POST persistentvolumeclaims': 1 } }));
  });

  scenario('a Secret that is missing', async (world) => {
    world.kubelet.usual = waits('CreateContainerConfigError', 'secret "hf-token" not found');
    await world.apply('qwen', { model: { source: 'hf://Qwen/Qwen3-4B', secretRef: { name: 'hf-token' } } });
    await world.shows('qwen', {
      conditions: { Ready: 'False ReferenceNotFound: secret "hf-token" not found', Progressing: 'False ReferenceNotFound: create it' },
      columns: { Ready: '0/1' },
      events: ['Warning ReferenceNotFound'],
    });
    await world.wrote(costs({ pods: 1, status: 5 }));
  });

  scenario('a volume that cannot be mounted: only an event of the pod tells', async (world) => {
    world.kubelet.usual = (pod, kubelet) => pod.bind(kubelet.node);
    await world.apply('qwen');
    await world.shows('qwen', { replicas: [{ phase: 'Scheduled' }] });
    await podEvent(world, 'FailedMount', 'MountVolume.SetUp failed for volume "cache": mount.nfs: access denied by server');
    await world.shows('qwen', {
      conditions: { Ready: 'False VolumeUnavailable: access denied by server' },
      columns: { Ready: '0/1' },
      events: ['Warning VolumeUnavailable'],
    });
    await world.wrote(costs({ pods: 1, status: 5 }));
  });

  scenario('a host that is out of memory while the model loads', async (world) => {
    world.kubelet.usual = crashes({ exitCode: 137, reason: 'OOMKilled' }, 1);
    await world.apply('qwen', { resources: { limits: { memory: '2Gi' } } });
    await world.shows('qwen', {
      phase: 'Failed',
      conditions: { Ready: 'False HostOutOfMemory: raise resources.limits.memory', Loaded: 'False HostOutOfMemory' },
      columns: { Ready: '0/1', Phase: 'Failed' },
      replicas: [{ reason: 'HostOutOfMemory', restarts: 1 }],
      events: ['Warning HostOutOfMemory'],
    });
    await world.wrote(costs({ pods: 1, status: 8 }));
  });

  scenario('a crash loop while the model loads: last words, told once, the pod is left to the kubelet', async (world) => {
    world.kubelet.usual = crashes({ exitCode: 134, message: 'GGML_ASSERT(n_ctx > 0) failed' }, 3);
    await world.apply('qwen');
    await world.shows('qwen', {
      phase: 'Failed',
      conditions: {
        Ready: 'False EngineCrashed: GGML_ASSERT(n_ctx > 0) failed',
        Progressing: 'False EngineCrashed: read the logs of the pod',
      },
      replicas: [{ phase: 'Failed', restarts: 3 }],
      events: ['Warning EngineCrashed'],
    });
    await world.wrote(costs({ pods: 1, status: 16, events: 2 }));
  });

  scenario('a crash after Ready: degraded until it has loaded again', async (world) => {
    let crashed = false;
    world.kubelet.next.push(async (pod, kubelet) => {
      await pod.bind(kubelet.node);
      await pod.prepared();
      await pod.runs(warm);
      const probed = pod.probed();
      await kubelet.when(() => crashed);
      await pod.crashes({ exitCode: 139, message: 'Segmentation fault' });
      await probed;
      await kubelet.when(() => !crashed);
      await pod.runs(load(800));
      await pod.probed();
    });
    world.kubelet.usual = loads(warm);
    await world.apply('qwen', { replicas: 2 });
    await world.loaded('qwen', 2);
    crashed = true;
    await world.shows('qwen', {
      phase: 'Degraded',
      conditions: { Ready: 'False EngineCrashed: Segmentation fault', Degraded: 'True EngineCrashed: Segmentation fault' },
      columns: { Ready: '1/2', Phase: 'Degraded' },
      events: ['Warning EngineCrashed'],
    });
    crashed = false;
    await world.shows('qwen', {
      phase: 'Ready',
      conditions: { Ready: 'True Ready', Degraded: 'False AsWanted' },
      columns: { Ready: '2/2' },
    });
    await world.wrote(costs({ pods: 2, status: 16 }));
  });
});

scenarios('pods and nodes that go', () => {
  scenario('an evicted replica is replaced', async (world) => {
    world.kubelet.usual = loads(warm);
    await world.apply('qwen');
    await world.loaded('qwen', 1);
    await (await world.kubelet.pod(0)).fails('Evicted', 'The node was low on resource: memory.');
    await world.shows('qwen', { events: ['Warning HostOutOfMemory'] });
    await world.showed('qwen', 'Ready', 'False HostOutOfMemory: low on resource: memory');
    await world.kubelet.pod(1);
    await world.hasPods(1);
    await world.loaded('qwen', 1);
    await world.wrote(costs({ pods: 2, deleted: 1, events: 7, status: 16 }));
  });

  scenario('a replica whose pod ended is replaced', async (world) => {
    world.kubelet.usual = loads(warm);
    await world.apply('qwen');
    await world.loaded('qwen', 1);
    await (await world.kubelet.pod(0)).fails('UnexpectedAdmissionError', 'Allocate failed due to no healthy devices present');
    await world.showed('qwen', 'Ready', 'False DeviceMissing: no healthy devices');
    await world.kubelet.pod(1);
    await world.loaded('qwen', 1);
    expect(await world.hasPods(1)).toHaveLength(1);
    await world.wrote(costs({ pods: 2, deleted: 1, events: 7, status: 16 }));
  });

  scenario('a pod deleted by hand is replaced at once', async (world) => {
    world.kubelet.usual = loads(warm);
    await world.apply('qwen', { replicas: 2 });
    await world.loaded('qwen', 2);
    const victim = await world.kubelet.pod(0);
    const counts = world.countPods();
    await world.admin.delete(pods, { namespace: world.namespace, name: victim.name });
    await world.kubelet.pod(2);
    await world.eventually(() => expect(world.pods()).toHaveLength(2));
    await world.loaded('qwen', 2);
    expect(counts.mostStanding).toBe(2);
    expect(counts.fewestServing).toBe(1);
    await world.wrote(costs({ pods: 3, status: 16, events: 6 }));
  });

  scenario('a replica on a lost node is replaced, and its pod counts no more', async (world) => {
    const { kubelet, namespace } = world;
    await kubelet.join(`${namespace}-b`);
    kubelet.usual = loads(warm);
    await world.apply('qwen');
    await world.loaded('qwen', 1);
    const { name } = await kubelet.pod(0);
    kubelet.node = `${namespace}-b`;
    await kubelet.lose(`${namespace}-a`);
    await world.shows('qwen', { conditions: { Ready: 'False NodeLost' }, events: ['Warning NodeLost'] });
    // As the taint manager does after its five minutes: the pod stays, because nobody ends it.
    await world.admin.delete(pods, { namespace, name });
    await kubelet.pod(1);
    await world.shows('qwen', { phase: 'Ready', conditions: { Ready: 'True Ready' }, columns: { Ready: '1/1' } }, 30_000);
    expect(world.pods().map(({ metadata }) => metadata.name)).toContain(name);
    await world.wrote(costs({ pods: 2, deleted: 1, patched: 4, events: 7, status: 16, more: { 'DELETE pods': { atMost: 1 } } }));
  });

  scenario('a replica on a node that was removed is replaced', async (world) => {
    const { kubelet, namespace } = world;
    await kubelet.join(`${namespace}-b`);
    kubelet.usual = loads(warm);
    await world.apply('qwen');
    await world.loaded('qwen', 1);
    kubelet.node = `${namespace}-b`;
    await kubelet.lose(`${namespace}-a`);
    await world.admin.delete(nodes, { name: `${namespace}-a` });
    // As the collector of pods does within a minute: nobody else would end them.
    const lost = await kubelet.pod(0);
    await lost.fails('NodeLost', 'node went away', 'DeletionByPodGC');
    await lost.removed();
    await kubelet.pod(1);
    await world.shows('qwen', { phase: 'Ready', columns: { Ready: '1/1' } }, 30_000);
    await world.wrote(costs({ pods: 2, patched: 4, events: 7, status: 16, more: { 'DELETE pods': { atMost: 1 } } }));
  });

  scenario('a quota that is used up is told, and more is made when it is raised', async (world) => {
    world.kubelet.usual = loads(warm);
    const path = `/api/v1/namespaces/${world.namespace}/resourcequotas`;
    await world.admin.request('POST', path, { body: { metadata: { name: 'few' }, spec: { hard: { pods: '1' } } } });
    await world.eventually(async () =>
      expect(await world.admin.request('GET', `${path}/few`)).toMatchObject({ status: { hard: { pods: '1' } } }),
    );
    await world.apply('qwen', { replicas: 2 });
    await world.shows('qwen', {
      conditions: { Progressing: 'False QuotaExceeded: exceeded quota: few', CapacityReady: 'False QuotaExceeded: raise it' },
      columns: { Ready: '1/2' },
      events: ['Warning QuotaExceeded'],
    });
    await world.admin.request('DELETE', `${path}/few`);
    await world.loaded('qwen', 2, 30_000);
    await world.shows('qwen', { conditions: { Progressing: 'False RolloutComplete' }, events: ['Warning QuotaExceeded', 'Normal Loaded'] });
    await world.wrote(costs({ pods: 2, status: 16, events: 8, more: { 'POST pods': { atMost: 12 } } }));
  });

  scenario('a namespace that forbids the pod says so, until it allows it', async (world) => {
    world.kubelet.usual = loads(warm);
    await world.enforce('baseline');
    await world.apply('qwen', { cache: { type: 'HostPath' } });
    await world.shows('qwen', {
      phase: 'Failed',
      conditions: {
        Accepted: 'False PodSecurityForbidden: enforces the Pod Security Standard baseline',
        Ready: 'False PodSecurityForbidden',
      },
      columns: { Ready: '0/0', Phase: 'Failed' },
    });
    await world.enforce('privileged');
    await world.loaded('qwen', 1);
    await world.wrote(costs({ pods: 1 }));
  });
});
