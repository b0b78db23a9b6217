import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, onTestFailed, test } from 'vitest';
import type { ModelDeployment, ModelDeploymentSpec } from '../../../src/api/model-deployment.ts';
import { isReplicaDraining, isReplicaReady } from '../../../src/api/replica.ts';
import { labels, modelDeploymentResource, tenantResource } from '../../../src/api/resources.ts';
import type { Tenant } from '../../../src/api/tenant.ts';
import { generateApiKey, hashApiKey } from '../../../src/core/api-keys.ts';
import { createLogger } from '../../../src/core/logger.ts';
import { KubeClient, loadKubeConfig, type Pod, resourceType } from '../../../src/kube/index.ts';
import { eventually } from '../../../src/kube/testing/eventually.fake.ts';
import { type Cluster, openControlPlane } from '../../cluster/cluster.ts';
import { kubectl } from '../../fakes/kubectl.ts';
import { Callers } from './callers.ts';
import { ProcessNodes } from './process-nodes.ts';
import { type Program, startControllerProcess, startGatewayProcess } from './processes.ts';

// What the project promises of rollouts: nobody who calls a model notices them. All of it is real but the engine, which says
// words at an even pace: API server, controllers of Kubernetes, our controller, two gateways, workers, `kubectl drain`.

const namespace = 'zero-dropped';
const model = 'words';
const image = 'modelfleet-worker';
const streams = 50;
const wholes = 6;
/** Requests that a replica takes from one gateway. */
const running = 16;
const patienceMs = 90_000;
const crds = join(import.meta.dirname, '../../../crds');
const worker = join(import.meta.dirname, 'scripted-worker.ts');

const modelDeployments = resourceType<ModelDeployment>(modelDeploymentResource);
const tenants = resourceType<Tenant>(tenantResource);

/** A cluster of somebody else has nodes of its own. */
const ours = inject('kubeconfig') !== '' && !process.env.E2E_KUBECONFIG;

describe.skipIf(!ours)('under 50 concurrent streams through two gateways', () => {
  const closers: (() => Promise<unknown>)[] = [];
  let cluster: Cluster;
  let client: KubeClient;
  let nodes: ProcessNodes;
  let controller: Program;
  let gateways: readonly Program[];
  let callers: Callers;

  beforeAll(async () => {
    const folder = await mkdtemp(join(tmpdir(), 'zero-dropped-'));
    closers.push(() => rm(folder, { recursive: true, force: true }));
    cluster = await openControlPlane();
    closers.push(() => cluster.close());
    await ask('apply', '--server-side', '-f', crds);
    await ask('wait', '--for=condition=Established', '--timeout=30s', '-f', crds);
    await ask('create', 'namespace', namespace);
    await ask('wait', '--for=create', 'serviceaccount/default', '-n', namespace, '--timeout=30s');

    client = KubeClient.fromKubeConfig(await loadKubeConfig({ path: cluster.kubeconfig }));
    closers.push(() => client.close());
    await writeFile(join(folder, 'words.gguf'), emptyModel());
    nodes = new ProcessNodes({
      ...{ client, folder, names: ['node-a', 'node-b'] },
      images: { [image]: [process.execPath, worker] },
      pathMap: { '/models': folder },
      logger: createLogger('nodes', { level: 'error' }),
    });
    closers.push(() => nodes.close());
    const key = generateApiKey();
    await client.create(tenants, { metadata: { name: 'callers' }, spec: { keys: [{ name: 'test', hash: hashApiKey(key) }] } });
    await client.create(modelDeployments, { metadata: { name: model, namespace }, spec: spec('1') });

    controller = await startControllerProcess(cluster.kubeconfig, namespace, image);
    closers.push(() => controller.end('SIGTERM'));
    gateways = await Promise.all([0, 1].map(() => startGatewayProcess(cluster.kubeconfig, namespace)));
    closers.push(() => Promise.all(gateways.map((gateway) => gateway.end('SIGKILL'))));
    await settled(3);

    callers = new Callers(gateways.map(({ url }) => url));
    callers.enter('steady');
    callers.start(streams, wholes, model, key);
    closers.push(() => callers.stop());
  }, 120_000);

  afterAll(async () => {
    for (const close of closers.reverse()) await close();
  }, 60_000);

  test('a rolling update, node drains, a scale-in, a controller that is killed and a deletion lose no request and break no stream', async () => {
    onTestFailed(tellAll);
    await callersAreServed();

    await phase('rolling update', async () => {
      const before = uids();
      await change({ engine: spec('2').engine });
      await settled(3, before);
    });

    await phase('node drain', async () => {
      await ask('wait', `--for=jsonpath={.status.expectedPods}=3`, `pdb/${model}`, '-n', namespace, '--timeout=30s');
      await drain('node-a', 3);
    });
    await phase('scale-in 3 to 1, controller killed', async () => {
      await ask('scale', `mdep/${model}`, '-n', namespace, '--replicas=1');
      await eventually(() => replicas().filter(isReplicaDraining).length === 2, patienceMs);
      await controller.end('SIGKILL');
      controller = await startControllerProcess(cluster.kubeconfig, namespace, image);
      await settled(1);
      await ask('wait', '--for=delete', `pdb/${model}`, '-n', namespace, '--timeout=30s'); // else nobody could drain its node
    });
    await phase('node drain of the only replica', () => drain(replicas()[0]?.spec?.nodeName ?? '', 1));

    callers.enter('deletion');
    const answered = callers.stop();
    await eventually(() => callers.underway <= running, patienceMs); // nobody waits any more
    await client.delete(modelDeployments, { namespace, name: model });
    expect(callers.underway).toBeGreaterThan(0);
    await answered;
    await eventually(() => replicas().length === 0, patienceMs);
    await ask('wait', '--for=delete', `mdep/${model}`, '-n', namespace, '--timeout=60s');

    console.log(table(callers));
    expect([...callers.seen.values()].flatMap((tally) => tally.failures)).toEqual([]);
    // Not even the gateways met one that they had to make good.
    expect(gateways.flatMap((gateway) => gateway.complaints())).toEqual([]);
  }, 300_000);

  /** What helps to understand a failure. */
  async function tellAll(): Promise<void> {
    const failures = [...callers.seen.values()].flatMap((tally) => tally.failures.slice(0, 10));
    const complaints = [controller, ...gateways].map((program) => program.complaints().slice(-15).join('\n'));
    const objects = await ask('get', 'mdep,pod,pdb', '-n', namespace, '-o', 'wide');
    const described = await ask('describe', 'mdep', '-n', namespace);
    console.log([table(callers), ...failures, ...complaints, objects, described].join('\n'));
  }

  function spec(version: string): ModelDeploymentSpec {
    return {
      model: { source: 'file:///models/words.gguf' },
      // Fewer than callers: some wait in workers, some in gateways, when one replica is left.
      engine: { type: 'Worker', device: 'CPU', tuning: { maxSequences: 24 }, env: [{ name: 'VERSION', value: version }] },
      replicas: 3,
      serving: { maxConcurrencyPerReplica: running, maxQueue: 256 },
      rollout: { drainTimeout: '60s' },
    };
  }

  function replicas(): readonly Pod[] {
    return nodes.list().filter(({ metadata }) => metadata.labels?.[labels.model] === model);
  }

  function uids(): ReadonlySet<string | undefined> {
    return new Set(replicas().map(({ metadata }) => metadata.uid));
  }

  /** Waits until so many replicas are left, all of them loaded and none of them one of `gone`. */
  async function settled(count: number, gone: ReadonlySet<string | undefined> = new Set()): Promise<void> {
    await eventually(() => {
      const all = replicas();
      expect(all.map(({ metadata }) => [metadata.name, gone.has(metadata.uid)])).toEqual(all.map(({ metadata }) => [metadata.name, false]));
      expect(all.filter(isReplicaReady)).toHaveLength(count);
      expect(all).toHaveLength(count);
    }, patienceMs);
  }

  async function drain(node: string, count: number): Promise<void> {
    const before = new Set(
      replicas()
        .filter(({ spec }) => spec?.nodeName === node)
        .map(({ metadata }) => metadata.uid),
    );
    expect(before.size).toBeGreaterThan(0);
    await ask('drain', node, '--ignore-daemonsets', '--delete-emptydir-data', '--timeout=90s');
    await settled(count, before);
    await ask('uncordon', node);
  }

  /** Does something under load, and goes on once the callers have been served after it. */
  async function phase(name: string, act: () => Promise<void>): Promise<void> {
    callers.enter(name);
    await act();
    await callersAreServed();
  }

  /** Waits until every caller may have had an answer that began after now. */
  async function callersAreServed(): Promise<void> {
    const { requests } = callers.current;
    await eventually(() => callers.current.requests >= requests + 2 * (streams + wholes), patienceMs);
  }

  async function change(change: Partial<ModelDeploymentSpec>): Promise<void> {
    await client.mergePatch(modelDeployments, { namespace, name: model }, { spec: change });
  }

  async function ask(...args: string[]): Promise<string> {
    const { stdout, stderr, code } = await kubectl(cluster.kubeconfig, args);
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr}`);
    return stdout;
  }
});

/** A model file without tensors: the agent looks at its head, the scripted engine at nothing. */
function emptyModel(): Buffer {
  const bytes = Buffer.alloc(24);
  bytes.write('GGUF');
  bytes.writeUInt32LE(3, 4);
  return bytes;
}

function table({ seen }: Callers): string {
  const tallies = [...seen];
  const rows = tallies.map(([phase, { since, requests, streams, frames, failures }], index) => {
    const until = tallies[index + 1]?.[1].since ?? Date.now();
    return [phase, Math.round((until - since) / 1000), requests, streams, frames, failures.length] as const;
  });
  const all = rows.reduce<number[]>((sums, [, ...numbers]) => numbers.map((each, index) => each + (sums[index] ?? 0)), []);
  return [['phase', 'seconds', 'requests', 'streams', 'frames', 'failures'], ...rows, ['all', ...all]]
    .map(([phase, ...numbers]) => String(phase).padEnd(34) + numbers.map((each) => String(each).padStart(10)).join(''))
    .join('\n');
}
