import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { eventually } from '../../src/kube/testing/eventually.fake.ts';
import { rulesFile } from '../../src/observability/rules.ts';
import { freePort } from '../fakes/free-port.ts';
import type { Target } from './observed-fleet.ts';
import { programPath } from './programs.ts';

const sample = z.tuple([z.number(), z.string()]);
const vector = z.object({ metric: z.record(z.string(), z.string()), value: sample.optional(), values: z.array(sample).optional() });
const answer = z.discriminatedUnion('status', [
  z.object({ status: z.literal('success'), data: z.unknown() }),
  z.object({ status: z.literal('error'), error: z.string() }),
]);
const results = z.object({ result: z.array(vector) });
const groups = z.object({
  groups: z.array(z.object({ rules: z.array(z.object({ name: z.string(), health: z.string(), lastError: z.string().optional() })) })),
});
const targets = z.object({
  activeTargets: z.array(z.object({ labels: z.record(z.string(), z.string()), health: z.string(), lastError: z.string() })),
});

/** Series with their values that are numbers, as text; NaN is no number. */
export type Found = readonly { readonly labels: Readonly<Record<string, string>>; readonly values: readonly string[] }[];

/** A real Prometheus on a loopback port, with the project's rules, or others. It scrapes twice a second. */
export class Prometheus implements AsyncDisposable {
  readonly url: string;
  private readonly folder: string;
  private readonly child: ChildProcess;
  private readonly startedAt = Date.now();

  private constructor(folder: string, url: string, child: ChildProcess) {
    this.folder = folder;
    this.url = url;
    this.child = child;
  }

  static async start(rules: object = rulesFile()): Promise<Prometheus> {
    const folder = await mkdtemp(join(tmpdir(), 'prometheus-'));
    await writeFile(join(folder, 'rules.json'), JSON.stringify(rules)); // JSON is YAML
    await writeFile(join(folder, 'targets.json'), '[]');
    const config = {
      global: { scrape_interval: '500ms', scrape_timeout: '500ms', evaluation_interval: '1s' },
      rule_files: [join(folder, 'rules.json')],
      scrape_configs: [{ job_name: 'modelfleet', file_sd_configs: [{ files: [join(folder, 'targets.json')], refresh_interval: '1s' }] }],
    };
    await writeFile(join(folder, 'prometheus.json'), JSON.stringify(config));
    const address = `127.0.0.1:${await freePort()}`;
    const flags = [
      `--config.file=${join(folder, 'prometheus.json')}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=${address}`,
    ];
    const child = spawn(programPath('prometheus'), [...flags, '--log.level=error'], { stdio: 'ignore' });
    const prometheus = new Prometheus(folder, `http://${address}`, child);
    await eventually(async () => {
      if (child.exitCode !== null) throw new Error(`prometheus ended with ${child.exitCode}`);
      return (await fetch(`${prometheus.url}/-/ready`)).ok;
    }, 20_000).catch(async (error: unknown) => {
      await prometheus[Symbol.asyncDispose]();
      throw error;
    });
    return prometheus;
  }

  /** Scrapes these from now on. */
  async scrape(list: readonly Target[]): Promise<void> {
    const told = list.map(({ address, job, labels }) => ({ targets: [address], labels: { ...labels, job } }));
    const draft = join(this.folder, 'targets.draft');
    await writeFile(draft, JSON.stringify(told));
    await rename(draft, join(this.folder, 'targets.json')); // never read half-written
  }

  /** What an expression gives now, or over all the time since the start. Rejects with Prometheus’ words when it cannot be evaluated. */
  async query(expr: string, over: 'now' | 'all'): Promise<Found> {
    const now = Date.now() / 1000;
    const range = { start: String(this.startedAt / 1000), end: String(now), step: '1' };
    const data = await this.ask(over === 'all' ? 'query_range' : 'query', {
      query: expr,
      ...(over === 'all' ? range : { time: String(now) }),
    });
    return results.parse(data).result.flatMap(({ metric, value, values = value ? [value] : [] }) => {
      const numbers = values.map(([, text]) => text).filter((text) => text !== 'NaN');
      return numbers.length > 0 ? [{ labels: metric, values: numbers }] : [];
    });
  }

  /** Rules that could not be evaluated, with why. */
  async brokenRules(): Promise<readonly string[]> {
    const { groups: all } = groups.parse(await this.ask('rules', {}));
    return all
      .flatMap(({ rules }) => rules)
      .flatMap(({ name, health, lastError }) => (health === 'ok' ? [] : [`${name}: ${health} ${lastError ?? ''}`]));
  }

  /** What is scraped, by job, and what is wrong with it: nothing when it is empty. */
  async health(): Promise<Readonly<Record<string, string>>> {
    const { activeTargets } = targets.parse(await this.ask('targets', { state: 'active' }));
    return Object.fromEntries(
      activeTargets.map(({ labels, health, lastError }) => [
        `${labels.job} ${labels.pod}`,
        health === 'up' ? '' : `${health} ${lastError}`,
      ]),
    );
  }

  private async ask(what: string, parameters: Readonly<Record<string, string>>): Promise<unknown> {
    const response = await fetch(`${this.url}/api/v1/${what}?${new URLSearchParams(parameters)}`, { signal: AbortSignal.timeout(10_000) });
    const parsed = answer.parse(await response.json());
    if (parsed.status === 'error') throw new Error(`${parameters.query ?? what}: ${parsed.error}`);
    return parsed.data;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null && this.child.pid !== undefined) {
      const ended = once(this.child, 'exit');
      this.child.kill('SIGTERM');
      await ended;
    }
    await rm(this.folder, { recursive: true, maxRetries: 5 });
  }
}
