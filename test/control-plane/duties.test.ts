import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test, vi } from 'vitest';
import { modelDeploymentController } from '../../controllers/modeldeployment/controller.ts';
import { controllerRevisions } from '../../controllers/modeldeployment/controller-revision.ts';
import { podDisruptionBudgets } from '../../controllers/modeldeployment/disruption-budget.ts';
import { modelDeployments } from '../../controllers/modeldeployment/status-writer.ts';
import { deployment } from '../../controllers/modeldeployment/testing/makers.fake.ts';
import type { ModelDeployment, ModelDeploymentSpec } from '../../src/api/model-deployment.ts';
import { labels } from '../../src/api/resources.ts';
import { historyCommand } from '../../src/cli/commands/history.ts';
import { rollbackCommand } from '../../src/cli/commands/rollback.ts';
import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { InformerCache, KubeClient, loadKubeConfig, type Pod, pods } from '../../src/kube/index.ts';
import { eventually } from '../../src/kube/testing/eventually.fake.ts';
import { kubectl } from '../fakes/kubectl.ts';

const kubeconfig = inject('kubeconfig');
const crds = join(import.meta.dirname, '../../crds');
// The garbage collector looks for new kinds every 30 s, and until then orphans nothing of theirs.
const patienceMs = 60_000;

describe.skipIf(kubeconfig === '')('what a deployment owes its pods, on a real API server', { timeout: 3 * patienceMs }, () => {
  let client: KubeClient;
  let namespace: string;
  let running: Promise<unknown> = Promise.resolve();

  beforeAll(async () => {
    await ask(['apply', '--server-side', '--force-conflicts', '-f', crds]);
    await ask(['wait', '--for=condition=Established', '--timeout=30s', '-f', crds]);
    client = KubeClient.fromKubeConfig(await loadKubeConfig({ path: kubeconfig }));
  });
  afterAll(async () => {
    await client?.close();
  });

  let made = 0;
  let stopController = () => {};
  beforeEach(async () => {
    made += 1;
    namespace = `duties-${made}`;
    await ask(['create', 'namespace', namespace]);
    const own = new AbortController();
    stopController = () => own.abort();
    const cache = new InformerCache(client);
    const fetchStatus = () => Promise.reject(new Error('no pod runs here'));
    const options = { client, cache, namespace, workerImage: 'w', clock: systemClock, logger: silentLogger, fetchStatus };
    running = Promise.all([cache.run(own.signal), modelDeploymentController(options).start(own.signal)]);
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    stopController();
    await running;
    await ask(['delete', 'namespace', namespace, '--wait=false']);
  });

  const ref = (name = 'qwen') => ({ namespace, name });
  const create = (spec: Partial<ModelDeploymentSpec> = {}): Promise<ModelDeployment> =>
    client.create(modelDeployments, { metadata: ref(), spec: deployment(spec).spec });
  const podsOf = async (): Promise<Pod[]> => (await client.list(pods, { namespace })).items;
  const names = (objects: readonly Pod[]) => objects.map(({ metadata }) => metadata.name).sort();
  const ownersOf = ({ metadata }: { metadata: Pod['metadata'] }) => metadata.ownerReferences?.map(({ uid }) => uid) ?? [];

  async function standing(count: number): Promise<Pod[]> {
    let found: Pod[] = [];
    await eventually(async () => {
      found = (await podsOf()).filter(({ metadata }) => metadata.deletionTimestamp === undefined);
      expect(found).toHaveLength(count);
    }, patienceMs);
    return found;
  }

  test('takes over the pods, the history and the budget that an orphaning deletion left behind', async () => {
    // What a serialiser escapes must come through it unchanged, for the history is immutable.
    const first = await create({ replicas: 2, engine: { env: [{ name: 'A', value: 'b<&>' }] } });
    const before = await standing(2);
    await eventually(() => client.get(podDisruptionBudgets, ref()));
    await ask(['delete', 'mdep', 'qwen', '-n', namespace, '--cascade=orphan', '--timeout=60s']);
    for (const pod of await standing(2)) expect(ownersOf(pod)).toEqual([]);

    const second = await create({ replicas: 2, engine: first.spec.engine ?? {} });
    expect(second.metadata.uid).not.toBe(first.metadata.uid);
    await eventually(async () => {
      for (const pod of await podsOf()) expect(ownersOf(pod)).toEqual([second.metadata.uid]);
      const { items } = await client.list(controllerRevisions, { namespace });
      expect(items.map(({ revision }) => revision)).toEqual([1]);
      for (const owned of [...items, await client.get(podDisruptionBudgets, ref())]) expect(ownersOf(owned)).toEqual([second.metadata.uid]);
    }, patienceMs);
    expect(names(await podsOf())).toEqual(names(before));
  });

  test('lets go of a pod that lost its label, and makes another in its place', async () => {
    await create();
    const [first] = await standing(1);
    const name = first?.metadata.name ?? '';
    await ask(['label', 'pod', name, '-n', namespace, `${labels.model}-`]);
    const both = await standing(2);
    await eventually(async () => expect(ownersOf(await client.get(pods, ref(name)))).toEqual([]), patienceMs);
    expect(names(both)).toContain(name);
    // With its label it is one of two again, and the one that is too many goes.
    await ask(['label', 'pod', name, '-n', namespace, `${labels.model}=qwen`]);
    await standing(1);
  });

  test('lets one replica at a time be evicted, and those always that serve nothing', async () => {
    await create({ replicas: 3 });
    const replicas = await standing(3);
    for (const { metadata } of replicas) {
      await bind(metadata.name);
      await setReady(metadata.name, true);
    }
    await eventually(async () => {
      const { status } = await client.get(podDisruptionBudgets, ref());
      expect(status).toMatchObject({ expectedPods: 3, currentHealthy: 3, desiredHealthy: 2, disruptionsAllowed: 1 });
    }, patienceMs);

    const [one, two, three] = names(replicas);
    expect(await evict(one)).toBe('evicted');
    expect(await evict(two)).toMatch(/Cannot evict pod as it would violate the pod's disruption budget/);
    await setReady(three ?? '', false);
    expect(await evict(three)).toBe('evicted');
  });

  test('shows its history and goes back in it', async () => {
    await create({ engine: { tuning: { maxSequences: 4 } } });
    // Pods come first: a spec that is replaced before its second turn leaves no revision.
    await eventually(async () => expect(await modelfleet('history', 'qwen')).toMatch(/^1 \* /m), patienceMs);
    await client.mergePatch(modelDeployments, ref(), { spec: { engine: { tuning: { maxSequences: 8 } } } });
    await eventually(async () => {
      expect(await modelfleet('history', 'mdep/qwen')).toMatch(/^2 \* .* engine.tuning.maxSequences 4 → 8$/m);
    }, patienceMs);

    const write = vi.spyOn(KubeClient.prototype, 'jsonPatch');
    write.mockImplementationOnce(async function (this: KubeClient, ...asked) {
      await client.mergePatch(modelDeployments, ref(), { metadata: { labels: { seen: 'yes' } } });
      return this.jsonPatch(...asked);
    });
    expect(await modelfleet('rollback', 'qwen')).toContain('engine.tuning.maxSequences 8 → 4');
    expect(write.mock.calls.length).toBeGreaterThan(1);
    await eventually(
      async () => expect(await modelfleet('history', 'qwen')).toMatch(/^3 \* .* engine.tuning.maxSequences 8 → 4$/m),
      patienceMs,
    );
    await expect(modelfleet('rollback', 'qwen', '--to-revision', '1')).rejects.toThrow('has no revision 1; it has 2, 3.');
  });

  async function modelfleet(...[command, ...argv]: readonly string[]): Promise<string> {
    const said = vi.spyOn(console, 'log').mockImplementation(() => {});
    const made = command === 'history' ? historyCommand() : rollbackCommand();
    await made.exitOverride().parseAsync([...argv, '--kubeconfig', kubeconfig, '-n', namespace], { from: 'user' });
    return said.mock.calls.at(-1)?.join(' ') ?? '';
  }

  /** No scheduler runs here. */
  async function bind(name: string): Promise<void> {
    const body = { apiVersion: 'v1', kind: 'Binding', metadata: { name }, target: { apiVersion: 'v1', kind: 'Node', name: 'nowhere' } };
    await client.request('POST', `/api/v1/namespaces/${namespace}/pods/${name}/binding`, { body });
  }

  async function setReady(name: string, ready: boolean): Promise<void> {
    const conditions = [{ type: 'Ready', status: ready ? 'True' : 'False' }];
    await client.mergePatch(pods, ref(name), { status: { phase: 'Running', conditions } }, { subresource: 'status' });
  }

  async function evict(name = ''): Promise<string> {
    const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace } };
    try {
      await client.request('POST', `/api/v1/namespaces/${namespace}/pods/${name}/eviction`, { body });
      return 'evicted';
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }
});

async function ask(args: readonly string[], stdin = ''): Promise<void> {
  const { code, stderr } = await kubectl(kubeconfig, args, { stdin });
  expect(stderr.replace(/^Warning: .*\n/gm, '')).toBe('');
  expect(code).toBe(0);
}
