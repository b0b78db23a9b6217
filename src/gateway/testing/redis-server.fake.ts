import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Why tests with a real server cannot run here; undefined when they can. */
export const noRedis = findProgram() ? undefined : 'redis-server is not installed (Debian: apt-get install redis-server)';

function findProgram(): boolean {
  try {
    execFileSync('redis-server', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false; // there is none on the PATH
  }
}

/** A real Redis server on a socket of its own, which can be killed and started again; it keeps nothing. */
export class RedisServer {
  readonly url: string;
  private readonly folder: string;
  private child: ChildProcess | undefined;

  private constructor(folder: string) {
    this.folder = folder;
    this.url = join(folder, 'redis.sock');
  }

  static async start(): Promise<RedisServer> {
    const server = new RedisServer(await mkdtemp(join(tmpdir(), 'redis-')));
    await server.run();
    return server;
  }

  async run(): Promise<void> {
    const args = ['--port', '0', '--unixsocket', this.url, '--save', '', '--appendonly', 'no', '--dir', this.folder];
    const child = spawn('redis-server', args, { stdio: 'ignore' });
    this.child = child;
    for (;;) {
      if (child.exitCode !== null) throw new Error(`redis-server ended with ${child.exitCode}`);
      if (await answers(this.url)) return;
    }
  }

  /** Ends it as a crash does: nothing is saved, no connection is closed in order. */
  async kill(): Promise<void> {
    const child = this.child;
    this.child = undefined;
    if (!child || child.exitCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await rm(this.folder, { recursive: true });
  }
}

/** Whether it answers a PING; takes 20 ms when there is no socket. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.setTimeout(1_000, () => socket.destroy());
    socket.on('connect', () => socket.write('PING\r\n'));
    socket.on('data', (data) => {
      resolve(data.toString().startsWith('+PONG'));
      socket.destroy();
    });
    socket.on('error', () => setTimeout(() => resolve(false), 20));
    socket.on('close', () => setTimeout(() => resolve(false), 20));
  });
}
