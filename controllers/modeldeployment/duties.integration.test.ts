import { afterEach, beforeEach, expect, test } from 'vitest';
import { customResourceDefinitions } from '../../src/api/crd/definitions.ts';
import { type ModelDeployment, type ModelDeploymentSpec, resolveSpec } from '../../src/api/model-deployment.ts';
import { labels } from '../../src/api/resources.ts';
import { FakeClock } from '../../src/core/fake-clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { InformerCache, KubeClient, type KubeObject, type MergePatch, type Pod, pods } from '../../src/kube/index.ts';
import { eventually } from '../../src/kube/testing/eventually.fake.ts';
import { applyManifest, parseManifest } from '../../src/local/manifests.ts';
import { TestApiServer } from '../../test/fakes/api-server.ts';
import { revisionOf } from './builders/revision.ts';
import { controllerRevisions } from './controller-revision.ts';
import { type PodDisruptionBudget, podDisruptionBudgets } from './disruption-budget.ts';
import { Duties, watchDuties } from './duties.ts';
import { byController, controllerUid } from './gather.ts';
import { PendingWrites } from './pending-writes.ts';
import { modelDeployments } from './status-writer.ts';
import { deployment as makeDeployment, replica, t0 } from './testing/makers.fake.ts';

const namespace = 'default';
const qwen = { namespace, name: 'qwen' };
const key = `${namespace}/qwen`;

let api: TestApiServer;
let client: KubeClient;
let stop: AbortController;
let running: Promise<unknown>;
let clock: FakeClock;
let writes: PendingWrites;
let duties: Duties;
/** Methods of the requests that write, in order. */
let written: string[];
let events: string[];
let sight: ReturnType<typeof watchDuties>['sight'];

beforeEach(async () => {
  api = await TestApiServer.start();
  written = [];
  events = [];
  client = KubeClient.fromServer(api.server);
  for (const [name, definition] of Object.entries(customResourceDefinitions()))
    await applyManifest(client, parseManifest(definition, name), { fieldManager: 'test', force: true });
  clock = new FakeClock(t0);
  stop = new AbortController();
  const cache = new InformerCache(client);
  const replicas = cache.informer(pods, { labelSelector: labels.model, indexers: { [byController]: controllerUid } });
  sight = watchDuties(cache, {}, replicas).sight;
  running = cache.run(stop.signal);
  await cache.synced(stop.signal);
  newProcess();
});

afterEach(async () => {
  stop.abort();
  await running;
  await client.close();
  await api[Symbol.asyncDispose]();
});

/** Another process takes over: all that was remembered is gone. */
function newProcess(): void {
  writes = new PendingWrites(clock);
  const counted = KubeClient.fromServer(api.server, { onResponse: ({ method }) => void (method !== 'GET' && written.push(method)) });
  stop.signal.addEventListener('abort', () => void counted.close());
  const recorder = { event: (_: unknown, type: string, reason: string) => void events.push(`${type} ${reason}`) };
  duties = new Duties({ ...sight, writes }, { client: counted, clock, events: recorder });
}

async function created(spec: Partial<ModelDeploymentSpec> = {}): Promise<ModelDeployment> {
  return client.create(modelDeployments, { metadata: qwen, spec: makeDeployment(spec).spec });
}

async function edited(spec: Partial<ModelDeploymentSpec>): Promise<ModelDeployment> {
  return client.mergePatch(modelDeployments, qwen, { spec });
}

/** What a reconcile does for a deployment with replicas of these revisions; answers when to come again. */
function keep(deployment: ModelDeployment, live: readonly string[] = []): Promise<number | undefined> {
  const spec = resolveSpec(deployment);
  const replicas = live.map((revision) => replica({ revision }));
  const acceptance = { accepted: true, spec } as const;
  return duties.keep({ deployment, ending: false, acceptance, revision: revisionOf(deployment, spec), replicas }, stop.signal);
}

/** The same, and again when the cache shows what was written. */
async function settle(deployment: ModelDeployment): Promise<number | undefined> {
  await keep(deployment);
  const [revisions, budgets] = await Promise.all([
    client.list(controllerRevisions, { namespace }),
    client.list(podDisruptionBudgets, { namespace }),
  ]);
  const ours = revisions.items.filter(({ metadata }) => metadata.labels?.[labels.instance] === 'qwen');
  const managed = budgets.items.find(({ metadata }) => metadata.labels?.[labels.managedBy] === 'modelfleet');
  const versions = (objects: readonly KubeObject[]) => objects.map(({ metadata }) => `${metadata.uid} ${metadata.resourceVersion}`).sort();
  await eventually(() => {
    expect(versions(sight.revisions.byIndex('instance', key))).toEqual(versions(ours));
    expect(sight.budgets.get(key)?.metadata.resourceVersion).toBe(managed?.metadata.resourceVersion);
  });
  return keep(deployment);
}

const claim = (deployment: ModelDeployment) => duties.claim({ deployment, ending: false }, silentLogger, stop.signal);
const history = async () =>
  (await client.list(controllerRevisions, { namespace })).items.map(({ revision, metadata }) => `${revision} ${metadata.name}`).sort();
const budget = () => client.get(podDisruptionBudgets, qwen);
const hash = (deployment: ModelDeployment) => revisionOf(deployment, resolveSpec(deployment));

async function pod(name: string, metadata: Partial<Pod['metadata']> = {}): Promise<Pod> {
  const own = { name, namespace, labels: { [labels.model]: 'qwen', [labels.managedBy]: 'modelfleet' }, ...metadata };
  const made = await client.create(pods, { metadata: own, spec: { containers: [{ name: 'worker', image: 'worker' }] } });
  await eventually(() => sight.pods.byIndex('model', key).some((seen) => seen.metadata.uid === made.metadata.uid));
  return made;
}

const ownerOf = ({ metadata: { name, uid = '' } }: ModelDeployment) => ({
  apiVersion: 'modelfleet.dev/v1alpha1',
  kind: 'ModelDeployment',
  name,
  uid,
  controller: true,
  blockOwnerDeletion: true,
});
const ownersOf = async (name: string) => (await client.get(pods, { namespace, name })).metadata.ownerReferences ?? [];

test('writes a revision and a budget once, also while the cache does not show them, and nothing when nothing changes', async () => {
  const deployment = await created({ replicas: 2 });
  await keep(deployment);
  await keep(deployment);
  expect(written).toEqual(['POST', 'POST']);
  await settle(deployment);
  newProcess();
  await keep(deployment);
  expect(written).toHaveLength(2);
  expect(await history()).toEqual([`1 qwen-${hash(deployment)}`]);
});

test('numbers an edit, and numbers anew what an edit brings back', async () => {
  const first = await created();
  await keep(first);
  const second = await edited({ engine: { device: 'CPU' } });
  await keep(second);
  expect(await history()).toEqual([`1 qwen-${hash(first)}`, `2 qwen-${hash(second)}`]);
  written.length = 0;
  await keep(await edited({ engine: { device: 'Auto' } }));
  expect(written).toEqual(['PATCH']);
  expect(await history()).toEqual([`2 qwen-${hash(second)}`, `3 qwen-${hash(first)}`]);
});

test('keeps no more than the limit beside what has replicas', async () => {
  const seen: ModelDeployment[] = [await created({ rollout: { revisionHistoryLimit: 1 } })];
  for (const contextLength of [1024, 2048, 4096]) {
    const before = seen.at(-1);
    if (before) await keep(before);
    seen.push(await edited({ model: { source: 'hf://Qwen/Qwen3-4B', contextLength } }));
  }
  const [oldest, , , newest] = seen;
  if (!oldest || !newest) throw new Error('four were made');
  await keep(newest, [hash(oldest)]);
  // The second had gone when the third came, for the first has a replica only now.
  expect((await history()).map((line) => line[0])).toEqual(['3', '4']);
});

test("steps over a name that is somebody else's, and finds its own again", async () => {
  const deployment = await created();
  await client.create(controllerRevisions, { metadata: { namespace, name: `qwen-${hash(deployment)}` }, revision: 9 });
  await settle(deployment);
  expect(await history()).toEqual([`1 qwen-${hash(deployment)}-1`, `9 qwen-${hash(deployment)}`]);
  newProcess();
  await keep(deployment);
  expect(await history()).toHaveLength(2);
});

test('gives its labels back to a revision that lost them', async () => {
  const deployment = await created();
  await settle(deployment);
  const ref = { namespace, name: `qwen-${hash(deployment)}` };
  await client.mergePatch(controllerRevisions, ref, { metadata: { labels: null } });
  await eventually(() => sight.revisions.byIndex('instance', key).length === 0);
  await keep(deployment);
  expect((await client.get(controllerRevisions, ref)).metadata.labels).toMatchObject({ [labels.revision]: hash(deployment) });
});

test('puts a budget right that somebody changed or deleted, and takes it away when it is not wanted any more', async () => {
  const deployment = await created({ replicas: 2 });
  await settle(deployment);
  const first = await budget();
  const change = async (spec: MergePatch<PodDisruptionBudget['spec']>) => {
    const { metadata } = await client.mergePatch<PodDisruptionBudget>(podDisruptionBudgets, qwen, { spec });
    await eventually(() => sight.budgets.get(key)?.metadata.resourceVersion === metadata.resourceVersion);
  };
  await change({ maxUnavailable: null, minAvailable: 2 });
  await settle(deployment);
  expect((await budget()).spec).toEqual(first.spec);

  // Whoever changes it again and again is not fought in a loop.
  await change({ maxUnavailable: 2 });
  expect(await keep(deployment)).toBe(10_000);
  expect((await budget()).spec?.maxUnavailable).toBe(2);
  await clock.advance(10_000);
  await settle(deployment);
  expect((await budget()).spec?.maxUnavailable).toBe(1);

  await client.delete(podDisruptionBudgets, qwen);
  await eventually(() => sight.budgets.get(key) === undefined);
  await settle(deployment);
  expect((await budget()).metadata.uid).not.toBe(first.metadata.uid);

  await settle(await edited({ replicas: 1 }));
  await expect(budget()).rejects.toThrow(/not found/);
});

test("leaves somebody else's budget alone, says so once, and makes its own when that is gone", async () => {
  const deployment = await created({ replicas: 2 });
  const theirs = { metadata: qwen, spec: { minAvailable: 1, selector: { matchLabels: { app: 'theirs' } } } };
  await client.create(podDisruptionBudgets, theirs);
  expect(await settle(deployment)).toBe(5 * 60_000);
  await clock.advance(60_000);
  expect(await keep(deployment)).toBe(4 * 60_000);
  await clock.advance(4 * 60_000);
  expect(await keep(deployment)).toBe(5 * 60_000);
  expect(events).toEqual(['Warning DisruptionBudgetTaken']);
  expect((await budget()).spec).toEqual(theirs.spec);

  await client.delete(podDisruptionBudgets, qwen);
  await clock.advance(5 * 60_000);
  await keep(deployment);
  expect((await budget()).spec?.maxUnavailable).toBe(1);
});

test('adopts a pod that has its label and no owner, and counts it at once', async () => {
  const deployment = await created();
  await pod('qwen-orphan');
  expect(await claim(deployment)).toBe(true);
  expect(await ownersOf('qwen-orphan')).toEqual([ownerOf(deployment)]);
  expect(writes.overlay(key, []).map(({ metadata }) => metadata.name)).toEqual(['qwen-orphan']);
  expect(events).toEqual(['Normal ReplicaAdopted']);
  await eventually(() => sight.pods.byIndex(byController, deployment.metadata.uid ?? '').length === 1);
  expect(await claim(deployment)).toBe(false);
});

test('adopts nothing for a deployment that is being deleted or is another by now, though the cache does not know', async () => {
  const deployment = await created();
  await pod('qwen-orphan');
  await client.mergePatch(modelDeployments, qwen, { metadata: { finalizers: ['modelfleet.dev/drain'] } });
  await client.delete(modelDeployments, qwen);
  expect(await claim(deployment)).toBe(false);
  await client.mergePatch(modelDeployments, qwen, { metadata: { finalizers: null } });
  expect(await claim(deployment)).toBe(false);
  await created();
  expect(await claim(deployment)).toBe(false);
  expect(written).toEqual([]);
});

test('adopts nothing that somebody took meanwhile', async () => {
  const deployment = await created();
  const orphan = await pod('qwen-orphan');
  const theirs = { apiVersion: 'v1', kind: 'ConfigMap', name: 'theirs', uid: 'uid-theirs', controller: true };
  const stale = { ...sight, pods: { byIndex: (index: string) => (index === 'model' ? [orphan] : []) } };
  await client.mergePatch(pods, { namespace, name: 'qwen-orphan' }, { metadata: { ownerReferences: [theirs] } });
  duties = new Duties({ ...stale, writes }, { client, clock });
  await claim(deployment);
  expect(await ownersOf('qwen-orphan')).toMatchObject([{ uid: 'uid-theirs' }]);
  expect(writes.overlay(key, [])).toEqual([]);
});

test.for([
  ['names another deployment', 'llama'],
  ['is gone', null],
] as const)('releases a pod whose label %s', async ([, label]) => {
  const deployment = await created();
  await pod('qwen-owned', { ownerReferences: [ownerOf(deployment)] });
  expect(await claim(deployment)).toBe(false);
  const uid = deployment.metadata.uid ?? '';
  await client.mergePatch(pods, { namespace, name: 'qwen-owned' }, { metadata: { labels: { [labels.model]: label } } });
  // What loses the label leaves the one informer and comes with the other.
  await eventually(() => sight.pods.byIndex('model', key).length === 0);
  await eventually(() => [...sight.pods.byIndex(byController, uid), ...sight.strays.byIndex(byController, uid)].length === 1);
  expect(await claim(deployment)).toBe(true);
  expect(await ownersOf('qwen-owned')).toEqual([]);
  expect(events).toEqual(['Normal ReplicaReleased']);
});
