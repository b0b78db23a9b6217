import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Programs that speak the protocol, and the Debian packages that have them. */
type Program = 'redis-server' | 'valkey-server';

/** Why tests with a program cannot run here; undefined when they can. */
function whyNot(program: Program): string | undefined {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' });
    return undefined;
  } catch {
    return `${program} is not installed (Debian has it in the package ${program})`; // there is none on the PATH
  }
}

/** Why tests with a real Redis cannot run here; undefined when they can. */
export const noRedis = whyNot('redis-server');

/** The servers that must do: `title` names one in a test, and says why it is not tried where it is missing. */
export const storePrograms = (['redis-server', 'valkey-server'] as const).map((program) => {
  const missing = program === 'redis-server' ? noRedis : whyNot(program);
  return { program, missing, title: missing ?? program };
});

type RedisServerOptions = {
  readonly program?: Program;
  /** Speak TLS on a port with these files, to whoever knows this user and password. */
  readonly secure?: { readonly certFile: string; readonly keyFile: string; readonly user: string; readonly password: string };
};

/** A real server on a socket of its own, which can be killed, stopped and started again; it keeps nothing. */
export class RedisServer {
  /** Path of the socket; with `secure` an address with the user and the password. */
  readonly url: string;
  private readonly options: RedisServerOptions;
  private readonly folder: string;
  private readonly port: number;
  private child: ChildProcess | undefined;

  private constructor(folder: string, port: number, options: RedisServerOptions) {
    this.folder = folder;
    this.port = port;
    this.options = options;
    const { secure } = options;
    this.url = secure ? `rediss://${secure.user}:${secure.password}@127.0.0.1:${port}/0` : this.socket;
  }

  static async start(options: RedisServerOptions = {}): Promise<RedisServer> {
    const folder = await mkdtemp(join(tmpdir(), 'redis-'));
    const server = new RedisServer(folder, options.secure ? await freePort() : 0, options);
    await server.run();
    return server;
  }

  async run(): Promise<void> {
    const { program = 'redis-server', secure } = this.options;
    const args = ['--port', '0', '--unixsocket', this.socket, '--save', '', '--appendonly', 'no', '--dir', this.folder];
    if (secure) {
      args.push('--tls-port', String(this.port), '--tls-cert-file', secure.certFile, '--tls-key-file', secure.keyFile);
      args.push('--tls-ca-cert-file', secure.certFile, '--tls-auth-clients', 'no');
      // No more than docs/concepts/tenants.md says is needed.
      const rights = ['~modelfleet:*', '+@read', '+@write', '+@scripting', '+@connection', '+time', '+info'];
      args.push('--user', 'default', 'off', '--user', secure.user, 'on', `>${secure.password}`, ...rights);
    }
    const child = spawn(program, args, { stdio: 'ignore' });
    this.child = child;
    for (;;) {
      if (child.exitCode !== null) throw new Error(`${program} ended with ${child.exitCode}`);
      if (await answers(this.socket)) return;
    }
  }

  /** From now on it accepts connections and answers nothing, as a host that swaps or a disk that hangs. */
  freeze(): void {
    this.child?.kill('SIGSTOP');
  }

  /** It goes on where it was, with all that it was asked meanwhile. */
  thaw(): void {
    this.child?.kill('SIGCONT');
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

  private get socket(): string {
    return join(this.folder, 'redis.sock');
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('a server without a port');
  return address.port;
}

/** Whether it answers a PING, be it with a question who asks; takes 20 ms when there is no socket. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.setTimeout(1_000, () => socket.destroy());
    socket.on('connect', () => socket.write('PING\r\n'));
    socket.on('data', (data) => {
      resolve(/^(\+PONG|-NOAUTH)/.test(data.toString()));
      socket.destroy();
    });
    socket.on('error', () => setTimeout(() => resolve(false), 20));
    socket.on('close', () => setTimeout(() => resolve(false), 20));
  });
}
