import { mkdir } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { freePort } from '../../fakes/free-port.ts';
import { type BenchProcess, startExecutable } from '../processes.ts';

/** Starts a Redis server that keeps nothing; resolves with its address too. */
export async function startRedis(folder: string): Promise<BenchProcess & { readonly url: string }> {
  const home = join(folder, 'redis');
  await mkdir(home);
  const port = await freePort();
  const argv = ['redis-server', '--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', home];
  const process = await startExecutable(argv, { ready: () => answersPing(port) });
  return { ...process, url: `redis://127.0.0.1:${port}` };
}

function answersPing(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'));
    socket.setTimeout(1_000, () => socket.destroy());
    socket.once('data', (data) => {
      resolve(data.toString().startsWith('+PONG'));
      socket.destroy();
    });
    socket.once('error', () => resolve(false)); // does not listen yet
    socket.once('close', () => resolve(false));
  });
}
