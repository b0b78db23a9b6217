import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startTestGateway } from '../../../test/fakes/gateway.ts';
import { hashApiKey } from '../../core/api-keys.ts';
import { eventually } from '../../kube/testing/eventually.fake.ts';
import { accountOf } from '../identity/account.ts';

const token = 'an-admin-token-of-some-length';
let directory: string;
let drains: number;

beforeEach(async () => {
  drains = 0;
  directory = await mkdtemp(join(tmpdir(), 'admin-'));
  await writeFile(join(directory, 'token'), token);
});
afterEach(() => rm(directory, { recursive: true }));

async function start(options: Parameters<typeof startTestGateway>[0] = {}) {
  const onDrain = () => {
    drains += 1;
  };
  const gateway = await startTestGateway({ ...options, admin: { port: 0, tokenFile: join(directory, 'token'), onDrain } });
  const ask = (path: string, init: { method?: string; token?: string } = {}) =>
    fetch(`${gateway.adminUrl}${path}`, { method: init.method ?? 'GET', headers: { authorization: `Bearer ${init.token ?? token}` } });
  return { gateway, ask };
}

test('only the probes are open to whoever has no token', async () => {
  const { gateway, ask } = await start();
  await using _ = gateway;
  expect((await fetch(`${gateway.adminUrl}/healthz`)).status).toBe(200);
  expect((await fetch(`${gateway.adminUrl}/readyz`)).status).toBe(200);
  for (const path of ['/metrics', '/stats', '/queues', '/limits', '/nothing']) {
    expect((await fetch(gateway.adminUrl + path)).status).toBe(401);
    expect((await ask(path, { token: gateway.key })).status).toBe(401);
  }
  expect((await ask('/drain', { method: 'POST', token: 'wrong' })).status).toBe(401);
  expect(drains).toBe(0);
});

test('tells who waits and who runs, where', async () => {
  const { gateway, ask } = await start({ workers: [{ fault: 'hang' }], serving: { maxConcurrencyPerReplica: 1 } });
  await using _ = gateway;
  const abort = new AbortController();
  const calls = [1, 2, 3].map(() => gateway.post({ model: 'm' }, { signal: abort.signal }).catch(() => undefined));
  await eventually(async () => {
    const { models } = (await (await ask('/queues')).json()) as { models: object[] };
    expect(models).toMatchObject([{ model: 'ns/m', held: 0, queued: 2, running: 1, replicas: [{ name: 'm-0', ready: true, running: 1 }] }]);
  });
  abort.abort();
  await Promise.all(calls);
});

test('tells what is left of the limits, and the metrics', async () => {
  const { gateway, ask } = await start();
  await using _ = gateway;
  gateway.keys.set('beta', [{ name: 'k', hash: hashApiKey('mf-beta') }], accountOf('beta', { limits: { requestsPerMinute: 60 } }));
  await gateway.post({ model: 'm' }, { key: 'mf-beta' });
  expect(await (await ask('/limits')).json()).toMatchObject({
    limits: [{ scope: 'tenant', name: 'requestsPerMinute', limit: 60, remaining: 59 }],
  });
  const metrics = await (await ask('/metrics')).text();
  expect(metrics).toContain('modelfleet_gateway_requests_total');
  expect(metrics).toMatch(/modelfleet_gateway_key_last_used_timestamp_seconds\{tenant="beta",key="k"\} \d+/);
  expect(await (await ask('/keys')).json()).toEqual({ keys: [{ tenant: 'beta', key: 'k', lastUsedAt: expect.stringMatching(/Z$/) }] });
  expect((await ask('/nothing')).status).toBe(404);
});

test('a drain is begun by POST alone', async () => {
  const { gateway, ask } = await start();
  await using _ = gateway;
  expect((await ask('/drain')).status).toBe(404);
  expect((await ask('/drain', { method: 'POST' })).status).toBe(202);
  expect(drains).toBe(1);
});

test('says that it is not ready while the cluster is not read', async () => {
  const { gateway } = await start({ ready: () => false });
  await using _ = gateway;
  const answer = await fetch(`${gateway.adminUrl}/readyz`);
  expect([answer.status, await answer.json()]).toEqual([503, { status: 'waiting', waitingFor: ['the cluster'] }]);
});
