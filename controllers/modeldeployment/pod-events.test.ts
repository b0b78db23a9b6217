import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Event, events, type Informer, InformerCache, KubeClient, type Pod, pods } from '../../src/kube/index.ts';
import { eventually } from '../../src/kube/testing/eventually.fake.ts';
import { TestApiServer } from '../../test/fakes/api-server.ts';
import { PodEvents } from './pod-events.ts';

let api: TestApiServer;
let client: KubeClient;
let stop: AbortController;
let running: Promise<void>;
let troubles: PodEvents;
let heard: string[];
let replicas: Informer<Pod>;

beforeAll(async () => {
  api = await TestApiServer.start();
  client = KubeClient.fromServer(api.server);
});
afterAll(async () => {
  await client.close();
  await api[Symbol.asyncDispose]();
});
beforeEach(async () => {
  stop = new AbortController();
  const cache = new InformerCache(client);
  replicas = cache.informer(pods, { namespace: 'default' });
  troubles = new PodEvents(cache, replicas, 'default');
  heard = [];
  running = cache.run(stop.signal);
  await cache.synced(stop.signal);
  const source = troubles.source();
  const end = source.start((key) => heard.push(key));
  stop.signal.addEventListener('abort', end);
  await source.synced(stop.signal);
  heard.length = 0; // of the tests before
});
afterEach(async () => {
  stop.abort();
  await running;
});

const signal = new AbortController().signal;
let made = 0;

async function replica(owner?: string): Promise<Pod> {
  made += 1;
  const references = owner === undefined ? [] : [{ apiVersion: 'modelfleet.dev/v1alpha1', kind: 'ModelDeployment', name: owner, uid: 'u' }];
  const pod = await client.create(
    pods,
    {
      metadata: {
        name: `replica-${made}`,
        namespace: 'default',
        ownerReferences: references.map((each) => ({ ...each, controller: true })),
      },
      spec: { containers: [{ name: 'worker', image: 'worker' }] },
    },
    { signal },
  );
  await eventually(() => expect(replicas.store.get(`default/${pod.metadata.name}`)).toBeDefined());
  return pod;
}

async function tell({ metadata }: Pod, reason: string, message: string, second = 0): Promise<void> {
  made += 1;
  const { name, namespace, uid } = metadata;
  const lastTimestamp = new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString();
  const event: Partial<Event> = {
    involvedObject: { kind: 'Pod', name, namespace: namespace ?? '', uid: uid ?? '' },
    reason,
    message,
    lastTimestamp,
  };
  const draft = { ...event, metadata: { name: `event-${made}`, namespace: 'default' } } as Parameters<typeof client.create<Event>>[1];
  await client.create(events, draft, { signal });
}

test('the newest trouble of a pod is known by its uid, and its deployment hears of it', async () => {
  const pod = await replica('qwen');
  const uid = pod.metadata.uid ?? '';
  await tell(pod, 'FailedMount', 'secret "hf" not found', 1);
  await eventually(() =>
    expect(troubles.latest(uid)).toEqual({ reason: 'FailedMount', message: 'secret "hf" not found', at: Date.UTC(2026, 0, 1, 0, 0, 1) }),
  );
  await tell(pod, 'FailedCreatePodSandBox', 'no network', 3);
  await tell(pod, 'FailedMount', 'an older one', 2);
  await eventually(() => expect(heard).toEqual(['default/qwen', 'default/qwen', 'default/qwen']));
  expect(troubles.latest(uid)?.message).toBe('no network');
});

test('events of other kinds, and of pods that are not ours, wake nobody', async () => {
  const [ours, others] = [await replica('qwen'), await replica()];
  await tell(ours, 'Pulled', 'Successfully pulled image');
  await tell(others, 'FailedMount', 'not our business');
  await tell({ ...ours, metadata: { ...ours.metadata, uid: 'of-a-pod-before' } }, 'FailedMount', 'an older pod of that name');
  await tell(ours, 'FailedAttachVolume', 'Multi-Attach error');
  await eventually(() => expect(troubles.latest(ours.metadata.uid ?? '')?.reason).toBe('FailedAttachVolume'));
  await eventually(() => expect(heard).toEqual(['default/qwen']));
});

test('a pod without trouble has none', () => expect(troubles.latest('nobody')).toBeUndefined());
