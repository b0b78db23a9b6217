import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { expect } from 'vitest';

/** What a step of a Python program came to: what it returned, or what it raised. */
type Told = {
  readonly returned?: unknown;
  readonly raised?: {
    /** The exception's class and the classes that it is of. */
    readonly classes: readonly string[];
    readonly status: number | null;
    readonly code: string | null;
    readonly requestId: string | null;
    readonly retryAfter: string | null;
    /** What the last try said of itself. */
    readonly retries: string | null;
    readonly message: string;
  };
};

/** A client program in Python: one process that does the steps that it is told, one after the other. */
export class PythonClient implements AsyncDisposable {
  private readonly child: ChildProcessByStdio<Writable, Readable, Readable>;
  private readonly lines: Interface;
  /** Rejects when the program ends. */
  private readonly end: Promise<never>;
  private said = '';

  private steps = 0;

  private constructor(program: string, packages: string) {
    const env = {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      PYTHONPATH: packages,
      PYTHONUNBUFFERED: '1',
      PYTHONDONTWRITEBYTECODE: '1',
    };
    const file = join(import.meta.dirname, 'programs', `${program}.py`);
    this.child = spawn('python3', [file], { env, stdio: ['pipe', 'pipe', 'pipe'] });
    this.child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.said = (this.said + text).slice(-4_000);
    });
    this.child.stdin.on('error', () => {}); // its end is told by what it said last
    this.lines = createInterface(this.child.stdout);
    this.end = new Promise((_, reject) => {
      this.child.once('error', reject);
      this.child.once('close', (code) => reject(new Error(`the program ended with ${code}: ${this.said}`)));
    });
    this.end.catch(() => {}); // told to whoever waits for a step
  }

  /**
   * Starts a program of `programs/`; resolves once it has imported what it needs. It gets no proxy, no tracing and no telemetry from
   * the environment.
   */
  static async start(program: string, packages: string): Promise<PythonClient> {
    const client = new PythonClient(program, packages);
    await client.tell('start', {});
    return client;
  }

  /** Does a step; rejects when the program ends instead. */
  async tell(step: string, args: object): Promise<Told> {
    this.steps += 1;
    const id = this.steps;
    const { promise, resolve } = Promise.withResolvers<Told>();
    const listen = (line: string) => {
      const told = JSON.parse(line) as Told & { id: number };
      if (told.id === id) resolve(told);
    };
    this.lines.on('line', listen);
    this.child.stdin.write(`${JSON.stringify({ id, step, args })}\n`);
    return Promise.race([promise, this.end]).finally(() => this.lines.off('line', listen));
  }

  /** Does a step that must succeed; answers what it returned. */
  async ask(step: string, args: object): Promise<unknown> {
    const { returned, raised } = await this.tell(step, args);
    expect(raised, this.said).toBeUndefined();
    return returned;
  }

  /** Does a step that must fail; answers what it raised. */
  async fails(step: string, args: object): Promise<NonNullable<Told['raised']>> {
    const { raised, returned } = await this.tell(step, args);
    if (!raised) throw new Error(`${step} did not fail but returned ${JSON.stringify(returned)}`);
    return raised;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = once(this.child, 'close');
    this.child.kill('SIGKILL');
    await ended;
  }
}
