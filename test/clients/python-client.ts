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

  /** `program` is one of `programs/`; it gets no proxy, no tracing and no telemetry from the environment. */
  constructor(program: string, packages: string) {
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

  /** Does a step; rejects when the program ends instead. */
  async tell(step: string, args: object): Promise<Told> {
    const answer = new Promise<Told>((resolve) => this.lines.once('line', (line) => resolve(JSON.parse(line) as Told)));
    this.child.stdin.write(`${JSON.stringify({ step, args })}\n`);
    return Promise.race([answer, this.end]);
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
