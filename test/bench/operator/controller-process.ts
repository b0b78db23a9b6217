import { type ChildProcess, spawn } from 'node:child_process';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../fakes/free-port.ts';
import { cpuMicros, memoryOf } from '../processes.ts';
import { home, type Testbed } from './testbed.ts';

const readyWithinMs = 30_000;

/** The controller as its image runs it: bundled, in a process of its own, with leader election. */
export class ControllerProcess {
  readonly pid: number;
  private readonly child: ChildProcess;
  private readonly ended: Promise<void>;
  private readonly port: number;
  private readonly log: string;

  private constructor(child: ChildProcess, port: number, log: string) {
    this.child = child;
    this.pid = child.pid ?? 0;
    this.port = port;
    this.log = log;
    this.ended = new Promise((resolve) => child.once('exit', () => resolve()));
  }

  /** Starts it; its log is kept in a file of the testbed, and with `profile` a CPU profile is written there when it ends. */
  static async launch({ kubeconfig, folder, program, nodeFlags }: Testbed, profile: string | undefined): Promise<ControllerProcess> {
    const port = await freePort();
    const log = join(folder, 'controller.log');
    const file = await open(log, 'a');
    try {
      const flags =
        profile === undefined
          ? []
          : ['--cpu-prof', `--cpu-prof-dir=${profile}`, '--heapsnapshot-signal=SIGUSR2', `--diagnostic-dir=${profile}`];
      const options = ['--leader-elect', '--leader-election-namespace', home, '--host', '127.0.0.1', '--port', String(port)];
      const args = [...nodeFlags, ...flags, program, 'controller', '--kubeconfig', kubeconfig, '--worker-image', 'fake', ...options];
      const child = spawn(process.execPath, args, { stdio: ['ignore', file.fd, file.fd] });
      return new ControllerProcess(child, port, log);
    } finally {
      await file.close();
    }
  }

  /** Resolves when it is ready and leads. Fails with its last words when it ends before. */
  async leads(): Promise<void> {
    for (const until = performance.now() + readyWithinMs; ; await sleep(50)) {
      const metrics = await this.metrics().catch(() => ''); // does not listen yet
      if (/^leader_election_master_status\{[^}]*\} 1$/m.test(metrics)) return;
      if (this.child.exitCode !== null || performance.now() > until)
        throw new Error(`the controller does not lead:\n${await this.lastWords()}`);
    }
  }

  async metrics(): Promise<string> {
    const response = await fetch(`http://127.0.0.1:${this.port}/metrics`);
    return response.text();
  }

  /** Requests so far, watches among the reads; renewals of the lease, its only updates, aside. */
  async requests(): Promise<{ readonly reads: number; readonly writes: number }> {
    const counts = { reads: 0, writes: 0 };
    for (const line of (await this.metrics()).split('\n')) {
      if (!line.startsWith('rest_client_requests_total{') || line.includes('method="PUT"')) continue;
      counts[line.includes('method="GET"') ? 'reads' : 'writes'] += Number(line.slice(line.lastIndexOf(' ')));
    }
    return counts;
  }

  /** CPU time so far, user and system. */
  async cpuSeconds(): Promise<number> {
    return (await cpuMicros(this.pid)) / 1e6;
  }

  memory(): ReturnType<typeof memoryOf> {
    return memoryOf(this.pid);
  }

  /** Sends the signal and waits for the end. */
  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    this.child.kill(signal);
    await this.ended;
  }

  /** The end of its log, creations of replicas left out. */
  async lastWords(): Promise<string> {
    const lines = (await readFile(this.log, 'utf8')).trimEnd().split('\n');
    return lines
      .filter((line) => !line.includes('"replica created"'))
      .slice(-15)
      .join('\n');
  }
}

/** The upper bound of the value at `quantile` of a Prometheus histogram of one controller, interpolated as histogram_quantile() does. */
export function histogramQuantile(metrics: string, name: string, controller: string, quantile: number): number {
  const buckets: { readonly le: number; readonly count: number }[] = [];
  for (const line of metrics.split('\n')) {
    if (!line.startsWith(`${name}_bucket{`) || !line.includes(`controller="${controller}"`)) continue;
    const bound = /le="([^"]+)"/.exec(line)?.[1];
    if (bound)
      buckets.push({ le: bound === '+Inf' ? Number.POSITIVE_INFINITY : Number(bound), count: Number(line.slice(line.lastIndexOf(' '))) });
  }
  const rank = quantile * (buckets.at(-1)?.count ?? 0);
  const index = buckets.findIndex(({ count }) => count >= rank);
  const [below, bucket] = [buckets[index - 1] ?? { le: 0, count: 0 }, buckets[index]];
  if (!bucket || rank === 0) return Number.NaN;
  if (bucket.le === Number.POSITIVE_INFINITY) return below.le;
  return below.le + ((rank - below.count) / (bucket.count - below.count)) * (bucket.le - below.le);
}
