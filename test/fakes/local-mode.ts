import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import OpenAI from 'openai';
import { expect } from 'vitest';
import { isAlive, type ProcessIdentity } from '../../src/local/process-identity.ts';
import type { Connection } from '../../src/local/state-dir.ts';
import { freePort } from './free-port.ts';
import { kubectl } from './kubectl.ts';

const main = join(import.meta.dirname, '../../src/cli/main.ts');
export const smollm2 = join(import.meta.dirname, '../../docs/examples/smollm2.yaml');

export type Ended = { readonly code: number | null; readonly signal: NodeJS.Signals | null; readonly output: string };

/** `modelfleet local` as a user starts it: a process of its own with a state folder of its own. */
export class LocalMode implements AsyncDisposable {
  readonly folder: string;
  readonly port: number;
  private child: ChildProcess | undefined;
  private text = '';

  private constructor(folder: string, port: number) {
    this.folder = folder;
    this.port = port;
  }

  static async create(): Promise<LocalMode> {
    return new LocalMode(await mkdtemp(join(tmpdir(), 'local-mode-')), await freePort());
  }

  get output(): string {
    return this.text;
  }

  get kubeconfig(): string {
    return join(this.folder, 'state', 'kubeconfig');
  }

  /** Starts it and does not wait. */
  launch(...args: string[]): ChildProcess {
    this.text = '';
    const flags = ['local', '--state', join(this.folder, 'state'), '--port', String(this.port), ...args];
    const child = spawn(process.execPath, [main, ...flags], { cwd: this.folder, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (part: string) => {
        this.text += part;
      });
    }
    this.child = child;
    return child;
  }

  /** Starts it and waits until it says how to connect. */
  async start(...args: string[]): Promise<void> {
    const child = this.launch(...args);
    await expect.poll(() => child.exitCode !== null || this.text.includes('Press Ctrl-C'), { timeout: 60_000 }).toBe(true);
    expect(child.exitCode, this.text).toBeNull();
  }

  /** Starts it with arguments that cannot work, and waits for its end. */
  async fails(...args: string[]): Promise<Ended> {
    return this.ended(this.launch(...args));
  }

  async end(signal: NodeJS.Signals): Promise<Ended> {
    if (!this.child) throw new Error('it was never started');
    const ended = this.ended(this.child);
    this.child.kill(signal);
    return ended;
  }

  async connection(): Promise<Connection> {
    return JSON.parse(await readFile(join(this.folder, 'state', 'connection.json'), 'utf8')) as Connection;
  }

  async openai(): Promise<OpenAI> {
    const { gateway, apiKey } = await this.connection();
    return new OpenAI({ baseURL: gateway, apiKey, maxRetries: 0 });
  }

  /** Runs kubectl; a failure fails the test with what kubectl said. */
  async kubectl(...args: string[]): Promise<string> {
    const { stdout, stderr, code } = await kubectl(this.kubeconfig, args);
    expect(code, `kubectl ${args.join(' ')}: ${stderr}`).toBe(0);
    return stdout.trim();
  }

  /** The worker processes, one for each pod that runs. */
  async workers(): Promise<ProcessIdentity[]> {
    const pods = join(this.folder, 'state', 'pods');
    const records = (await readdir(pods)).map((uid) => readFile(join(pods, uid, 'worker', 'process.json'), 'utf8').catch(() => undefined));
    return (await Promise.all(records)).flatMap((text) => (text === undefined ? [] : [JSON.parse(text) as ProcessIdentity]));
  }

  async write(name: string, content: string): Promise<string> {
    const path = join(this.folder, name);
    await writeFile(path, content);
    return path;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child && this.child.exitCode === null && this.child.signalCode === null) await this.end('SIGTERM');
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }

  private ended(child: ChildProcess): Promise<Ended> {
    return new Promise((resolve) => {
      child.once('close', (code, signal) => resolve({ code, signal, output: this.text }));
    });
  }
}

/** Resolves once none of the processes lives. */
export async function allGone(processes: readonly ProcessIdentity[]): Promise<void> {
  await expect.poll(async () => (await Promise.all(processes.map(isAlive))).includes(true), { timeout: 15_000 }).toBe(false);
}
