import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { silentLogger } from './logger.ts';
import { serveOperations } from './operations-server.ts';

let missing: string[];
let metrics: () => Promise<string>;
let server: Awaited<ReturnType<typeof serveOperations>>;
const address = { host: '127.0.0.1', flag: '--port' };

beforeEach(async () => {
  missing = [];
  metrics = async () => 'up 1\n';
  const registry = { contentType: 'text/plain; version=0.0.4', metrics: () => metrics() };
  server = await serveOperations({ ...address, port: 0 }, { registry, waitingFor: () => missing, logger: silentLogger });
});
afterEach(() => server.close());

async function ask(path: string, method = 'GET'): Promise<[number, string]> {
  const answer = await fetch(`http://127.0.0.1:${server.port}${path}`, { method });
  return [answer.status, await answer.text()];
}

test('is ready when nothing is missing, and else says what is', async () => {
  expect(await ask('/readyz')).toEqual([200, 'ok\n']);
  missing = ['pods (no route)', 'tenants'];
  expect(await ask('/readyz?verbose')).toEqual([503, 'waits for pods (no route)\nwaits for tenants\n']);
  expect(await ask('/healthz')).toEqual([200, 'ok\n']);
});

test('serves the metrics, and says so when they cannot be had', async () => {
  expect(await ask('/metrics')).toEqual([200, 'up 1\n']);
  metrics = () => Promise.reject(new Error('a gauge threw'));
  expect(await ask('/metrics')).toEqual([500, 'metrics cannot be collected\n']);
});

test('serves what it is given beside, and names it', async () => {
  const registry = { contentType: '', metrics };
  const routes = { '/more': (_: unknown, response: ServerResponse) => response.end('more') };
  const other = await serveOperations({ ...address, port: 0 }, { registry, waitingFor: () => [], routes, logger: silentLogger });
  const at = (path: string) => fetch(`http://127.0.0.1:${other.port}${path}`).then((answer) => answer.text());
  expect(await at('/more?x')).toBe('more');
  expect(await at('/')).toContain('/more');
  await other.close();
});

test('refuses what it does not know', async () => {
  expect(await ask('/')).toEqual([404, 'there is only /healthz /readyz /metrics\n']);
  expect((await ask('/healthz', 'POST'))[0]).toBe(405);
  expect(await ask('/healthz', 'HEAD')).toEqual([200, '']);
});

test('a taken port is told with the flag that gives another', async () => {
  const registry = { contentType: '', metrics };
  const taken = serveOperations(
    { ...address, port: server.port, flag: '--metrics-port' },
    { registry, waitingFor: () => [], logger: silentLogger },
  );
  await expect(taken).rejects.toThrow(`Port ${server.port} on 127.0.0.1 is taken. Stop what uses it, or give another with --metrics-port.`);
});
