import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { eventually } from '../../src/kube/testing/eventually.fake.ts';
import type { PulledModel } from '../../src/worker/artifacts/pull/pull.ts';
import { freePort } from '../fakes/free-port.ts';

const main = join(import.meta.dirname, '../../src/cli/main.ts');

/** `modelfleet worker` with a real model, as a process of its own; ready once it is started. */
export class RealWorker implements AsyncDisposable {
  readonly port: number;
  private readonly child: ChildProcess;

  private constructor(port: number, child: ChildProcess) {
    this.port = port;
    this.child = child;
  }

  static async start({ name, path, file }: PulledModel): Promise<RealWorker> {
    const [port, management] = [await freePort(), await freePort()];
    const env = {
      ...process.env,
      MODELFLEET_HOST: '127.0.0.1',
      MODELFLEET_PORT_HTTP: String(port),
      MODELFLEET_PORT_MANAGEMENT: String(management),
      MODELFLEET_PARENT_FD: '3',
      MODELFLEET_PATH_MAP: JSON.stringify({ '/models': dirname(path) }),
      MODELFLEET_LOG_LEVEL: 'error',
    };
    const args = [main, 'worker', '--name', name, '--source', `file:///models/${file}`, '--context-length', '1024'];
    const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'inherit', 'inherit', 'pipe'] });
    const worker = new RealWorker(port, child);
    const ready = async () => child.exitCode !== null || (await fetch(`http://127.0.0.1:${management}/readyz`)).ok;
    await eventually(ready, 60_000).catch(async (error: unknown) => {
      await worker[Symbol.asyncDispose]();
      throw error;
    });
    if (child.exitCode !== null) throw new Error(`the worker ended with ${child.exitCode}`);
    return worker;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await ended;
  }
}
