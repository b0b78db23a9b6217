import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { listenOn } from './listen.ts';
import { silentLogger } from './logger.ts';

const callers = 1_500;

function kernelAllows(): number {
  try {
    return Number(readFileSync('/proc/sys/net/core/somaxconn', 'utf8'));
  } catch {
    return 0; // not Linux
  }
}

/** Connects all of them and prints how many got through. */
const program = `
  const { connect } = require('node:net');
  const left = setTimeout(() => end(), 10_000);
  let connected = 0;
  const end = () => { console.log(connected); process.exit(); };
  for (let count = 0; count < ${callers}; count += 1)
    connect(Number(process.argv[1]), '127.0.0.1', () => { connected += 1; if (connected === ${callers}) end(); });
`;

test.skipIf(kernelAllows() < callers)(
  'sends no caller away who comes while the program is busy (needs Linux with somaxconn 4096)',
  async () => {
    const server = createServer();
    const port = await listenOn(server, { host: '127.0.0.1', port: 0, flag: '--port' }, silentLogger);
    // Until this returns, nobody is accepted.
    const connected = Number(execFileSync(process.execPath, ['-e', program, String(port)], { encoding: 'utf8' }));
    server.close();

    expect(connected).toBe(callers);
  },
);
