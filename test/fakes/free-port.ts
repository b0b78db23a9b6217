import { createServer } from 'node:net';

/** Below the ports that the kernel gives to outgoing connections: one of those would be taken again before a program listens. */
const range = { from: 20_000, to: 32_000 };

/** A port of the loopback address that was free a moment ago. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 100; tries += 1) {
    const port = range.from + Math.floor(Math.random() * (range.to - range.from));
    if (await isFree(port)) return port;
  }
  throw new Error(`No port of 100 tried between ${range.from} and ${range.to} is free.`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
