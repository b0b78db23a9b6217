import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { modelDeploymentController } from '../../../controllers/modeldeployment/controller.ts';
import { TestApiServer } from '../../../test/fakes/api-server.ts';
import { customResourceDefinitions } from '../../api/crd/definitions.ts';
import type { ModelDeploymentSpec } from '../../api/model-deployment.ts';
import { annotations } from '../../api/resources.ts';
import { systemClock } from '../../core/clock.ts';
import { silentLogger } from '../../core/logger.ts';
import { InformerCache, KubeClient, namespaces } from '../../kube/index.ts';
import { eventually } from '../../kube/testing/eventually.fake.ts';
import { applyManifest, parseManifest } from '../../local/manifests.ts';
import { modelDeployments, readPast } from '../revisions.ts';
import { historyCommand } from './history.ts';
import { rollbackCommand } from './rollback.ts';

let folder: string;
let api: TestApiServer;
let client: KubeClient;
let namespace: string;
const stop = new AbortController();
let running: Promise<unknown>;

/** An API server with the controller, and no kubelet: pods stay pending. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'modelfleet-rollback-'));
  api = await TestApiServer.start({ kubeconfigPath: join(folder, 'kubeconfig') });
  client = KubeClient.fromServer(api.server);
  for (const [name, definition] of Object.entries(customResourceDefinitions()))
    await applyManifest(client, parseManifest(definition, name), { fieldManager: 'test', force: true });
  const cache = new InformerCache(client);
  const fetchStatus = () => Promise.reject(new Error('no pod runs here'));
  const controller = modelDeploymentController({ client, cache, workerImage: 'w', clock: systemClock, logger: silentLogger, fetchStatus });
  running = Promise.all([cache.run(stop.signal), controller.start(stop.signal)]);
});

afterAll(async () => {
  stop.abort();
  await running;
  await client.close();
  await api[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

let made = 0;
let said: string[];
beforeEach(async () => {
  made += 1;
  namespace = `models-${made}`;
  said = [];
  vi.spyOn(console, 'log').mockImplementation((text: string) => void said.push(text));
  await client.create(namespaces, { metadata: { name: namespace } });
});
afterEach(() => vi.restoreAllMocks());

const ref = () => ({ namespace, name: 'qwen' });
const spec = (maxSequences: number): ModelDeploymentSpec => ({
  model: { source: 'hf://Qwen/Qwen3-4B' },
  engine: { tuning: { maxSequences } },
});

/** What a command prints. Rejects with what it fails with. */
async function modelfleet(...argv: readonly string[]): Promise<string> {
  said = [];
  const command = argv[0] === 'history' ? historyCommand() : rollbackCommand();
  await command
    .exitOverride()
    .parseAsync([...argv.slice(1), '--kubeconfig', join(folder, 'kubeconfig'), '-n', namespace], { from: 'user' });
  return said.join('\n');
}

async function create(): Promise<void> {
  await client.create(modelDeployments, { metadata: ref(), spec: spec(4) });
  await numbered(1);
}

/** Waits until the newest revision has this number and is the current one. */
async function numbered(number: number): Promise<void> {
  await eventually(async () => expect((await readPast(client, ref())).revisions.at(-1)).toMatchObject({ number, current: true }));
}

async function edit(maxSequences: number): Promise<void> {
  await client.mergePatch(modelDeployments, ref(), { spec: { engine: { tuning: { maxSequences } } } });
}

const maxSequences = async () => (await client.get(modelDeployments, ref())).spec.engine?.tuning?.maxSequences;

test('shows what changed from revision to revision, and which replicas run them', async () => {
  await create();
  await edit(8);
  await numbered(2);
  await eventually(async () => {
    const lines = (await modelfleet('history', 'mdep/qwen')).split('\n');
    expect(lines[0]).toMatch(/^REVISION +AGE +LOADED +CHANGE$/);
    expect(lines[1]).toMatch(/^1 +\d+s +- +the first that is known$/);
    expect(lines[2]).toMatch(/^2 \* +\d+s +0\/1 +engine.tuning.maxSequences 4 → 8$/);
  });
  expect(await modelfleet('history', 'qwen', '--revision', '1')).toMatch(/^# Revision 1\nspec:\n[\s\S]* {6}maxSequences: 4\n/);
});

test('goes back to the revision before, and forward again by its number', async () => {
  await create();
  await edit(8);
  await numbered(2);
  const told = await modelfleet('rollback', 'qwen');
  expect(told).toContain('qwen goes back to revision 1, under the next number:\n  engine.tuning.maxSequences 8 → 4\n');
  expect(told).toContain('Next: replicas of that revision load, at most 1 above 1; an old one drains when one of them has loaded.');
  expect(await maxSequences()).toBe(4);
  await numbered(3);
  await modelfleet('rollback', 'mdep/qwen', '--to-revision', '2');
  expect(await maxSequences()).toBe(8);
  await numbered(4);
  await eventually(async () => expect((await readPast(client, ref())).revisions.map(({ replicas }) => replicas)).toEqual([0, 1]));
});

test('undoes a restart that was asked for, and touches neither the number of replicas nor how they are served', async () => {
  await create();
  const metadata = { annotations: { [annotations.restartedAt]: 'now' } };
  await client.mergePatch(modelDeployments, ref(), { metadata, spec: { replicas: 0, serving: { maxQueue: 7 } } });
  await numbered(2);
  expect(await modelfleet('rollback', 'qwen')).toContain('Next: nothing, for it has no replicas; the next ones are made so.');
  const deployment = await client.get(modelDeployments, ref());
  expect(deployment.metadata.annotations?.[annotations.restartedAt]).toBeUndefined();
  expect(deployment.spec).toMatchObject({ replicas: 0, serving: { maxQueue: 7 } });
});

test('changes nothing in a dry run', async () => {
  await create();
  await edit(8);
  await numbered(2);
  expect(await modelfleet('rollback', 'qwen', '--dry-run')).toMatch(
    /^qwen would go back to revision 1 \(nothing was changed\):[\s\S]*\nThen: /,
  );
  expect(await maxSequences()).toBe(8);
});

test('says what is not there, and that it is there already', async () => {
  await expect(modelfleet('rollback', 'qwen')).rejects.toThrow(`There is no ModelDeployment qwen in namespace ${namespace}.`);
  await expect(modelfleet('history', 'pod/qwen')).rejects.toThrow('write NAME or mdep/NAME');
  await create();
  await expect(modelfleet('rollback', 'qwen')).rejects.toThrow('no earlier revision to go back to');
  await expect(modelfleet('rollback', 'qwen', '--to-revision', '1')).rejects.toThrow('is at revision 1 already');
  await expect(modelfleet('rollback', 'qwen', '--to-revision', '7')).rejects.toThrow('has no revision 7; it has 1.');
});

test('goes on when only the status was written meanwhile, and stops when somebody changed the spec', async () => {
  await create();
  await edit(8);
  await numbered(2);
  const write = vi.spyOn(KubeClient.prototype, 'jsonPatch');
  const before = (meanwhile: () => Promise<unknown>) =>
    write.mockImplementationOnce(async function (this: KubeClient, ...asked) {
      await meanwhile();
      return this.jsonPatch(...asked);
    });
  before(() => client.mergePatch(modelDeployments, ref(), { metadata: { labels: { seen: 'yes' } } }));
  await modelfleet('rollback', 'qwen', '--dry-run');
  before(() => edit(16));
  await expect(modelfleet('rollback', 'qwen')).rejects.toThrow('was changed meanwhile');
  expect(await maxSequences()).toBe(16);
});
