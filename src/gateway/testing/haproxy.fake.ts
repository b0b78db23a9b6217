import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Why tests with a real HAProxy cannot run here; undefined when they can. */
export const noHaproxy = findProgram() ? undefined : 'haproxy is not installed (Debian: apt-get install haproxy)';

function findProgram(): boolean {
  try {
    execFileSync('haproxy', ['-v'], { stdio: 'ignore' });
    return true;
  } catch {
    return false; // there is none on the PATH
  }
}

/** A port that HAProxy listens on, and how it passes connections on. */
type Passage = { readonly port: number; readonly to: string; readonly options: string };

/** A real HAProxy that passes TCP connections on. */
export class Haproxy implements AsyncDisposable {
  private readonly folder: string;
  private readonly child: ChildProcess;

  private constructor(folder: string, child: ChildProcess) {
    this.folder = folder;
    this.child = child;
  }

  static async start(passages: readonly Passage[]): Promise<Haproxy> {
    const folder = await mkdtemp(join(tmpdir(), 'haproxy-'));
    const file = join(folder, 'haproxy.cfg');
    const lines = passages.flatMap(({ port, to, options }, index) => [
      `listen passage-${index}`,
      `  bind 127.0.0.1:${port}`,
      `  server gateway ${to} ${options}`,
    ]);
    const defaults = ['defaults', '  mode tcp', '  timeout connect 5s', '  timeout client 30s', '  timeout server 30s'];
    await writeFile(file, `${[...defaults, ...lines].join('\n')}\n`);
    return new Haproxy(folder, spawn('haproxy', ['-db', '-f', file], { stdio: ['ignore', 'ignore', 'inherit'] }));
  }

  /** Whether it still runs: it ends when it does not like its configuration. */
  get running(): boolean {
    return this.child.exitCode === null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.running) {
      const ended = once(this.child, 'exit');
      this.child.kill('SIGKILL');
      await ended;
    }
    await rm(this.folder, { recursive: true });
  }
}
