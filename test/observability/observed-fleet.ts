import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { customResourceDefinitions } from '../../src/api/crd/definitions.ts';
import { replicaEndpoint } from '../../src/api/replica.ts';
import { labels } from '../../src/api/resources.ts';
import { generateApiKey, hashApiKey } from '../../src/core/api-keys.ts';
import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { InformerCache, KubeClient, pods } from '../../src/kube/index.ts';
import { startApiServer } from '../../src/local/apiserver/server.ts';
import { ProcessKubelet } from '../../src/local/kubelet/kubelet.ts';
import { applyManifest, type Manifest, parseManifest, readManifests } from '../../src/local/manifests.ts';
import { modelCacheDir } from '../../src/worker/artifacts/pull/cache-dir.ts';
import { pullModel } from '../../src/worker/artifacts/pull/pull.ts';
import { type RunningCommand, startModelfleet } from '../fakes/command.ts';
import { freePort } from '../fakes/free-port.ts';
import { smollm2 } from '../fakes/local-mode.ts';
import { limitStoreFlags } from './limit-store.ts';

/** An address to scrape, with the labels that a ServiceMonitor or PodMonitor gives its series. */
export type Target = { readonly address: string; readonly job: string; readonly labels: Readonly<Record<string, string>> };

const system = 'modelfleet-system';
const namespace = 'default';
const fieldManager = 'observed-fleet';
const graceMs = 20_000;
const main = join(import.meta.dirname, '../../src/cli/main.ts');

/**
 * What a cluster runs, on this machine: the controller (elected) and the gateway as processes of their own, with a store of limits where
 * Redis is installed, the worker of a real model, and a second deployment whose model file is missing, so that failures are seen too.
 */
export class ObservedFleet implements AsyncDisposable {
  readonly targets: readonly Target[];
  private readonly client: KubeClient;
  private readonly gateway: string;
  private readonly key: string;
  private readonly scarceKey: string;
  private readonly commands: readonly RunningCommand[];
  private readonly opened: AsyncDisposableStack;

  private constructor(
    parts: Pick<ObservedFleet, 'targets'> & {
      readonly client: KubeClient;
      readonly gateway: string;
      readonly key: string;
      readonly scarceKey: string;
      readonly commands: readonly RunningCommand[];
      readonly opened: AsyncDisposableStack;
    },
  ) {
    this.client = parts.client;
    this.gateway = parts.gateway;
    this.key = parts.key;
    this.scarceKey = parts.scarceKey;
    this.targets = parts.targets;
    this.commands = parts.commands;
    this.opened = parts.opened;
  }

  static async start(): Promise<ObservedFleet> {
    await pullModel('smollm2');
    await using opened = new AsyncDisposableStack();
    const folder = await mkdtemp(join(tmpdir(), 'observed-fleet-'));
    opened.defer(() => rm(folder, { recursive: true, maxRetries: 5 }));
    const kubeconfig = join(folder, 'kubeconfig');
    const api = await startApiServer({ stateDir: join(folder, 'apiserver'), kubeconfigPath: kubeconfig, logger: silentLogger });
    opened.defer(() => api.close());
    const client = KubeClient.fromServer(api, { fieldManager });
    opened.defer(() => client.close());
    const apply = (manifest: Manifest) => applyManifest(client, manifest, { fieldManager, force: true });

    const [key, scarceKey] = [generateApiKey(), generateApiKey()];
    const tenant = {
      apiVersion: 'modelfleet.dev/v1alpha1',
      kind: 'Tenant',
      metadata: { name: 'acme' },
      // The second has used up its only request after the first call.
      spec: {
        keys: [
          { name: 'one', hash: hashApiKey(key) },
          { name: 'two', hash: hashApiKey(scarceKey), limits: { requestsPerMinute: 1 } },
        ],
      },
    };
    for (const [name, definition] of Object.entries(customResourceDefinitions())) await apply(parseManifest(definition, name));
    await apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: system } });
    await apply(tenant);

    const informerCache = new InformerCache(client);
    const kubelet = new ProcessKubelet({
      ...{ client, informerCache, stateDir: join(folder, 'kubelet'), nodeName: 'local', logger: silentLogger, clock: systemClock },
      images: { worker: [process.execPath, main] },
      pathMap: { '/models': modelCacheDir() },
      stopGraceMs: 2_000,
    });
    const stop = new AbortController();
    const running = Promise.all([informerCache.run(stop.signal), kubelet.run(stop.signal)]);
    running.catch(() => undefined); // told at the end
    opened.defer(async () => {
      stop.abort();
      await running;
    });

    const usageLog = join(folder, 'usage.jsonl');
    const limitStore = await limitStoreFlags(folder, opened);
    const [operations = 0, callers = 0, metrics = 0] = await Promise.all([freePort(), freePort(), freePort()]);
    const run = (...argv: string[]): RunningCommand => {
      const command = startModelfleet(...argv, '--kubeconfig', kubeconfig, '--host', '127.0.0.1');
      opened.defer(() => end(command, argv[0] ?? ''));
      return command;
    };
    const commands = [
      run(
        'gateway',
        '--port',
        String(callers),
        '--metrics-port',
        String(metrics),
        '--drain-timeout',
        '1s',
        '--usage-log',
        usageLog,
        ...limitStore,
      ),
      run('controller', '--port', String(operations), '--worker-image', 'worker', '--leader-elect', '--leader-election-namespace', system),
    ];

    const models = await readManifests(smollm2);
    const broken = { ...(models[0]?.spec as object), model: { source: 'file:///models/missing.gguf' }, serving: { names: ['broken'] } };
    const cached = models.map((model) => ({
      ...model,
      spec: { ...(model.spec as object), serving: { names: ['smollm2'], cache: { ttl: '10s' } } },
    }));
    for (const manifest of [...cached, { ...models[0], metadata: { name: 'broken', namespace }, spec: broken }])
      await apply(parseManifest(manifest, smollm2));
    return new ObservedFleet({
      ...{ client, key, scarceKey, commands },
      gateway: `http://127.0.0.1:${callers}`,
      targets: [scraped('modelfleet-controller', operations), scraped('modelfleet-gateway', metrics)],
      opened: opened.move(),
    });
  }

  /** The last words of the controller and the gateway, for whoever waits in vain. */
  lastWords(): string {
    return this.commands.map(({ output }) => output().slice(-2_000)).join('\n');
  }

  /** The workers that have an address by now. */
  async workers(): Promise<readonly Target[]> {
    const { items } = await this.client.list(pods, { namespace, labelSelector: labels.model });
    return items.flatMap((pod) => {
      const endpoint = replicaEndpoint(pod);
      const address = endpoint && `${endpoint.host}:${endpoint.managementPort}`;
      return address ? [{ address, job: 'modelfleet-worker', labels: { namespace, pod: pod.metadata.name } }] : [];
    });
  }

  /**
   * What callers do: a chat, a streamed chat, a chat with a model that cannot serve, one with a wrong key, one whose answer may be
   * an old one, and one more than a key may. Answers the codes.
   */
  async call(): Promise<readonly number[]> {
    const ask = async (model: string, stream: boolean, key: string, cache = 'off') => {
      const response = await fetch(`${this.gateway}/v1/chat/completions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', 'x-modelfleet-cache': cache },
        body: JSON.stringify({ model, stream, max_tokens: 8, messages: [{ role: 'user', content: 'What is a fleet?' }] }),
        signal: AbortSignal.timeout(20_000),
      });
      await response.text();
      return response.status;
    };
    return Promise.all([
      ask('smollm2', false, this.key),
      ask('smollm2', true, this.key),
      ask('broken', false, this.key),
      ask('smollm2', false, 'mf-wrong'),
      ask('smollm2', false, this.key, 'on'),
      ask('smollm2', false, this.scarceKey),
    ]);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.opened.disposeAsync();
  }
}

function scraped(name: string, port: number): Target {
  return { address: `127.0.0.1:${port}`, job: name, labels: { namespace: system, pod: `${name}-0` } };
}

/** Ends it as a kubelet does; one that does not go is killed, and told of. */
async function end({ child, output }: RunningCommand, name: string): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit').then(() => true);
  child.kill('SIGTERM');
  const patience = new AbortController();
  const inTime = await Promise.race([ended, systemClock.sleep(graceMs, patience.signal).then(() => false)]);
  patience.abort();
  if (inTime) return;
  child.kill('SIGKILL');
  await ended;
  throw new Error(`the ${name} did not end within ${graceMs / 1000} s of SIGTERM:\n${output().slice(-2_000)}`);
}
