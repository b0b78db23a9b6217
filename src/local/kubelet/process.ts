import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import type { Clock } from '../../core/clock.ts';
import type { OutputStream } from './log-writer.ts';

export type ContainerExit = {
  /** As a shell gives it: 128 + the number of the signal that ended the process. */
  readonly exitCode: number;
  readonly signal?: number;
};

export type ProcessOptions = {
  readonly argv: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly workingDirectory: string;
  readonly onOutput: (stream: OutputStream, chunk: Buffer) => void;
  readonly clock: Clock;
};

// A grandchild that left the group may keep the output open: it is not waited for longer than this.
const outputGraceMs = 500;

/** One running container: a process that leads its own group, so that all of it can be ended at once. */
export class ContainerProcess {
  readonly pid: number;
  /** Resolves when the process has ended, the rest of its group was killed and its output was read. */
  readonly exited: Promise<ContainerExit>;
  private readonly child: ChildProcess;
  private readonly clock: Clock;
  private readonly over = new AbortController();
  private asked = false;

  private constructor(child: ChildProcess, pid: number, clock: Clock) {
    this.child = child;
    this.pid = pid;
    this.clock = clock;
    this.exited = this.waitForExit();
  }

  /**
   * Starts the program. Descriptor 3 of the child is a pipe that reaches its end when this process is gone, by kill -9 too.
   * Rejects with the system's error (ENOENT, EACCES …) when the program cannot be run.
   */
  static async start({ argv, environment, workingDirectory, onOutput, clock }: ProcessOptions): Promise<ContainerProcess> {
    const [program = '', ...args] = argv;
    const child = spawn(program, args, {
      cwd: workingDirectory,
      env: environment,
      detached: true, // own group and session: a Ctrl-C in the terminal reaches the kubelet only
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    });
    child.stdout?.on('data', (chunk: Buffer) => onOutput('stdout', chunk));
    child.stderr?.on('data', (chunk: Buffer) => onOutput('stderr', chunk));
    child.stdio[3]?.on('error', () => undefined); // the child may close its end: nothing is ever written
    await once(child, 'spawn');
    if (child.pid === undefined) throw new Error(`${program} was started without a process id.`);
    return new ContainerProcess(child, child.pid, clock);
  }

  /** Asks the group to end, and kills it when it has not after `graceMs`. Asking again with less time shortens the grace. */
  stop(graceMs: number): void {
    this.killAfter(graceMs);
    if (graceMs > 0) this.terminate();
  }

  /** Asks the group to end; only the first call counts. */
  terminate(): void {
    if (this.over.signal.aborted || this.asked) return;
    this.asked = true;
    killGroup(this.pid, 'SIGTERM');
  }

  /** Kills the group when it has not ended after `graceMs`; the shortest time that was told holds. */
  killAfter(graceMs: number): void {
    if (this.over.signal.aborted) return;
    if (graceMs <= 0) {
      killGroup(this.pid, 'SIGKILL');
      return;
    }
    this.clock.sleep(graceMs, this.over.signal).then(
      () => killGroup(this.pid, 'SIGKILL'),
      () => undefined, // it ended in time
    );
  }

  private waitForExit(): Promise<ContainerExit> {
    const closed = once(this.child, 'close');
    return new Promise((resolve) => {
      this.child.once('exit', async (code, name) => {
        this.over.abort();
        killGroup(this.pid, 'SIGKILL'); // a container ends with its first process
        const cutOff = new AbortController();
        await Promise.race([closed, this.clock.sleep(outputGraceMs, cutOff.signal).catch(() => undefined)]);
        cutOff.abort();
        for (const stream of this.child.stdio) stream?.destroy();
        const signal = name === null ? undefined : constants.signals[name];
        resolve({ exitCode: code ?? 128 + (signal ?? 0), ...(signal !== undefined && { signal }) });
      });
    });
  }
}

/** Signals every process of a group; a group that is gone already is no error. */
export function killGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ESRCH' && code !== 'EPERM') throw error; // EPERM: macOS says so of a group of zombies
  }
}
