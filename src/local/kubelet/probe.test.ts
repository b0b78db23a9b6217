import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Probe } from 'kubernetes-types/core/v1.d.ts';
import { beforeAll, expect, test } from 'vitest';
import { type ProbeTarget, runProbe } from './probe.ts';

let target: ProbeTarget;

beforeAll(async () => {
  const server = createServer((request, response) => {
    if (request.url === '/slow') return;
    const status = request.url === '/header' ? (request.headers['x-probe'] === 'yes' ? 200 : 400) : Number(request.url?.slice(1));
    response.writeHead(status, status === 302 ? { location: '/500' } : {}).end('body');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  target = {
    container: {
      name: 'c',
      ports: [
        { name: 'http', containerPort: 8000 },
        { name: 'closed', containerPort: 9000 },
      ],
    },
    host: '127.0.0.1',
    ports: { http: (server.address() as AddressInfo).port, closed: 1 },
    environment: { PATH: process.env.PATH ?? '', WORD: 'hello' },
    workingDirectory: '/',
  };
  return () => {
    server.closeAllConnections();
    server.close();
  };
});

const run = (probe: Probe, signal = new AbortController().signal) => runProbe(probe, target, signal);

test.each<[string, Probe, boolean]>([
  ['a 200', { httpGet: { port: 'http', path: '/200' } }, true],
  ['a redirect', { httpGet: { port: 'http', path: '302' } }, true],
  ['a declared port by its number', { httpGet: { port: 8000, path: '/204' } }, true],
  ['headers', { httpGet: { port: 'http', path: '/header', httpHeaders: [{ name: 'X-Probe', value: 'yes' }] } }, true],
  ['a 400', { httpGet: { port: 'http', path: '/400' } }, false],
  ['a 503', { httpGet: { port: 'http', path: '/503' } }, false],
  ['an open socket', { tcpSocket: { port: 'http' } }, true],
  ['a closed socket', { tcpSocket: { port: 'closed' } }, false],
  ['a command', { exec: { command: ['/bin/sh', '-c', '[ "$WORD" = hello ]'] } }, true],
  ['a failing command', { exec: { command: ['/bin/sh', '-c', 'exit 3'] } }, false],
  ['a missing program', { exec: { command: ['/no/such'] } }, false],
])('judges %s', async (_, probe, ok) => {
  expect((await run(probe)).ok).toBe(ok);
});

test.each<[Probe, RegExp]>([
  [{ httpGet: { port: 'http', path: '/503' } }, /^HTTP probe failed with statuscode: 503$/],
  [{ httpGet: { port: 'closed', path: '/x' } }, /^Get "http:\/\/127.0.0.1:1\/x": .*ECONNREFUSED/],
  [{ httpGet: { port: 'none' } }, /declares no port "none"/],
  [{ exec: { command: ['/bin/sh', '-c', 'echo broken; exit 1'] } }, /^broken$/],
  [{ exec: { command: ['/bin/sh', '-c', 'exit 3'] } }, /exit code 3/],
])('says what was wrong: %j', async (probe, message) => {
  expect((await run(probe)).message).toMatch(message);
});

test.each<Probe>([{ httpGet: { port: 'http', path: '/slow' } }, { exec: { command: ['/bin/sleep', '60'] } }])(
  'gives up after its timeout: %j',
  async (probe) => {
    expect(await run({ ...probe, timeoutSeconds: 0.05 })).toMatchObject({
      ok: false,
      message: expect.stringContaining('no answer within 0.05s'),
    });
  },
);

test('ends with the container', async () => {
  const over = new AbortController();
  const outcome = run({ httpGet: { port: 'http', path: '/slow' }, timeoutSeconds: 60 }, over.signal);
  over.abort(new Error('over'));
  await expect(outcome).rejects.toThrow('over');
});
