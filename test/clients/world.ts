import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Tenant } from '../../src/api/tenant.ts';
import { generateApiKey, hashApiKey } from '../../src/core/api-keys.ts';
import { FakeApiServer } from '../../src/kube/testing/api-server.fake.ts';
import { eventually } from '../../src/kube/testing/eventually.fake.ts';
import { startModelfleet, writeTestKubeconfig } from '../fakes/command.ts';
import { ScriptedEngine } from './engine.ts';

type TenantLimits = NonNullable<Tenant['spec']['limits']>;

const apiVersion = 'modelfleet.dev/v1alpha1';
const namespace = 'default';

/** Seconds that the model `loading` says it still needs: what clients are told to wait. */
export const loadingSeconds = 7;

/**
 * `modelfleet gateway` as a process of its own, before a scripted engine that serves the models `scripted` and, as vLLM would,
 * `scripted-vllm`; the model `loading` never gets ready.
 */
export class ClientWorld implements AsyncDisposable {
  /** What clients call their base URL. */
  readonly url: string;
  readonly engine: ScriptedEngine;
  /** A key without limits. */
  readonly key: string;
  private readonly api: FakeApiServer;
  private readonly opened: AsyncDisposableStack;

  private constructor(url: string, engine: ScriptedEngine, key: string, api: FakeApiServer, opened: AsyncDisposableStack) {
    this.url = url;
    this.engine = engine;
    this.key = key;
    this.api = api;
    this.opened = opened;
  }

  static async start(): Promise<ClientWorld> {
    await using opened = new AsyncDisposableStack();
    const folder = await mkdtemp(join(tmpdir(), 'clients-'));
    opened.defer(() => rm(folder, { recursive: true }));
    const engine = opened.use(await ScriptedEngine.start());
    const api = await FakeApiServer.start();
    opened.defer(() => api.close());
    const key = putTenant(api, 'acme');
    putModel(api, 'scripted', {});
    putPod(api, 'scripted', engine.port);
    putModel(api, 'scripted-vllm', { engine: { type: 'VLLM' } });
    putPod(api, 'scripted-vllm', engine.port);
    const loading = { phase: 'LoadingWeights', percent: 60, etaSeconds: loadingSeconds };
    putModel(api, 'loading', { serving: { holdTimeout: '50ms' } }, { loading });

    const flags = ['--host', '127.0.0.1', '--port', '0', '--metrics-port', '0', '--drain-timeout', '0s'];
    const { child, output } = startModelfleet('gateway', '--kubeconfig', await writeTestKubeconfig(folder, api.url), ...flags);
    const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
    opened.defer(async () => {
      child.kill('SIGTERM');
      await ended;
    });
    const url = () => /"url":"([^"]+)"/.exec(output())?.[1];
    await eventually(() => child.exitCode !== null || url() !== undefined, 60_000);
    if (child.exitCode !== null) throw new Error(`the gateway ended with ${child.exitCode}: ${output()}`);
    const world = new ClientWorld(`${url()}/v1`, engine, key, api, opened.move());
    await world.known(key);
    return world;
  }

  /** Adds a tenant with these limits; answers its key once the gateway knows it. */
  async keyWith(limits: TenantLimits): Promise<string> {
    const key = putTenant(this.api, `tenant-${crypto.randomUUID()}`, limits);
    await this.known(key);
    return key;
  }

  /** Adds a model that loads and has `holdTimeout` for its callers; resolves once the gateway knows it. */
  async addLoading(name: string, holdTimeout: string): Promise<void> {
    putModel(this.api, name, { serving: { holdTimeout } }, { loading: { phase: 'LoadingWeights', percent: 90, etaSeconds: 1 } });
    await this.isIn(name, 'loading');
  }

  /** Adds a replica at this port, and its model where there is none; resolves once the gateway gives it to callers. */
  async addReplica(model: string, port: number): Promise<void> {
    if (!this.api.list('modeldeployments', namespace).some(({ metadata }) => metadata.name === model)) putModel(this.api, model, {});
    putPod(this.api, model, port);
    await this.isIn(model, 'ready');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.opened.disposeAsync();
  }

  private known(key: string): Promise<void> {
    return eventually(async () => (await this.get('models', key)).ok, 15_000);
  }

  private isIn(model: string, state: string): Promise<void> {
    return eventually(async () => {
      const told = (await (await this.get(`models/${model}`, this.key)).json()) as { modelfleet?: { state: string } };
      return told.modelfleet?.state === state;
    }, 15_000);
  }

  private get(path: string, key: string): Promise<Response> {
    return fetch(`${this.url}/${path}`, { headers: { authorization: `Bearer ${key}` } });
  }
}

function putTenant(api: FakeApiServer, name: string, limits?: TenantLimits): string {
  const key = generateApiKey();
  const keys = [{ name: 'test', hash: hashApiKey(key) }];
  const tenant = { apiVersion, kind: 'Tenant', metadata: { name }, spec: { keys, ...(limits && { limits }) } };
  api.put('tenants', tenant);
  return key;
}

function putModel(api: FakeApiServer, name: string, spec: object, status: object = {}): void {
  const model = { source: 'file:///models/scripted.gguf' };
  const deployment = { apiVersion, kind: 'ModelDeployment', metadata: { name, namespace }, spec: { model, ...spec }, status };
  api.put('modeldeployments', deployment);
}

function putPod(api: FakeApiServer, model: string, port: number): void {
  const labels = { 'modelfleet.dev/model': model };
  const annotations = { 'modelfleet.dev/ports': JSON.stringify({ http: port, management: 1 }) };
  const metadata = { name: `${model}-0`, namespace, labels, annotations };
  const status = { podIP: '127.0.0.1', conditions: [{ type: 'Ready', status: 'True' }] };
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers: [] }, status };
  api.put('pods', pod);
}
