import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '../../../src/core/logger.ts';
import { KubeClient } from '../../../src/kube/index.ts';
import { startApiServer } from '../../../src/local/apiserver/server.ts';
import { freePort } from '../../fakes/free-port.ts';
import { publishModel } from '../fleet.ts';
import { bundleAsImage, type ImageProgram } from '../image-program.ts';
import { answersOk, type BenchProcess, startExecutable, startProgram } from '../processes.ts';
import { leaveCoreForMeasured } from './cores.ts';
import { bounded, overloadedModel, startBatchingWorkers } from './overload.ts';
import { model, type Subject } from './subject.ts';

type GatewayFlags = { readonly redisUrl?: string | undefined; readonly profile?: string | undefined };

type Opened = {
  /** For configurations and logs. */
  readonly folder: string;
  /** Where the measured processes run; this one and all others run elsewhere. */
  readonly core: number | undefined;
  /** The worker itself. */
  readonly direct: Subject;
  /** The key of the overloaded model's callers. */
  readonly overloadKey: string;
};

/** A cluster with its workers, and what is measured in front of them; all of it ends with the testbed. */
export class Testbed {
  readonly folder: Opened['folder'];
  readonly core: Opened['core'];
  readonly direct: Opened['direct'];
  readonly overloadKey: Opened['overloadKey'];
  private readonly key: string;
  private readonly kubeconfig: string;
  private readonly image: ImageProgram;
  private readonly resources: AsyncDisposableStack;
  private ended: Promise<void> | undefined;

  private constructor(opened: Opened & { key: string; kubeconfig: string; image: ImageProgram }, resources: AsyncDisposableStack) {
    this.folder = opened.folder;
    this.core = opened.core;
    this.direct = opened.direct;
    this.overloadKey = opened.overloadKey;
    this.key = opened.key;
    this.kubeconfig = opened.kubeconfig;
    this.image = opened.image;
    this.resources = resources;
  }

  static async open(): Promise<Testbed> {
    await using opened = new AsyncDisposableStack();
    const core = await leaveCoreForMeasured();
    const folder = await mkdtemp(join(tmpdir(), 'bench-gateway-'));
    opened.defer(() => rm(folder, { recursive: true, force: true }));
    const image = await bundleAsImage('gateway', folder);
    const kubeconfig = join(folder, 'kubeconfig');
    const api = await startApiServer({ stateDir: join(folder, 'state'), kubeconfigPath: kubeconfig, logger: silentLogger });
    opened.defer(() => api.close());
    const client = KubeClient.fromServer(api);
    opened.defer(() => client.close());
    const worker = await startProgram('programs/paced-worker.ts');
    opened.defer(() => worker.stop());
    const batching = await startBatchingWorkers();
    opened.defer(() => batching.stop());
    const key = await publishModel(client, model, worker.address);
    const overloadKey = await publishModel(client, overloadedModel, batching.origins, bounded);
    const direct = { name: 'direct', process: worker, origin: worker.address };
    return new Testbed({ folder, core, direct, overloadKey, key, kubeconfig, image }, opened.move());
  }

  /** The gateway's program. */
  get program(): string {
    return this.image.program;
  }

  /** Starts the gateway as its image does, with every stage at work. With `profile` it leaves a CPU profile there when it ends. */
  async startGateway(name: string, { redisUrl, profile }: GatewayFlags = {}): Promise<Subject> {
    const port = await freePort();
    const origin = `http://127.0.0.1:${port}`;
    const profiler = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`];
    const flags = {
      kubeconfig: this.kubeconfig,
      host: '127.0.0.1',
      port,
      'metrics-port': 0,
      'usage-log': join(this.folder, `usage-${port}.jsonl`),
      ...(redisUrl !== undefined && { 'redis-url': redisUrl }),
    };
    const told = Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`);
    const argv = [process.execPath, ...this.image.nodeFlags, ...profiler, this.image.program, 'gateway', ...told];
    const env = { NODE_ENV: 'production', MODELFLEET_LOG_LEVEL: 'warn' };
    const started = await startExecutable(argv, { ready: () => answersOk(`${origin}/readyz`), env, core: this.core });
    return { name, process: this.keep(started), origin, headers: { authorization: `Bearer ${this.key}` } };
  }

  /** Ends the process with the testbed, if it has not ended before. */
  keep<T extends BenchProcess>(process: T): T {
    this.resources.defer(() => process.stop());
    return process;
  }

  /** Whoever calls it, and however often, waits until all has ended. */
  [Symbol.asyncDispose](): Promise<void> {
    this.ended ??= this.resources.disposeAsync();
    return this.ended;
  }
}
