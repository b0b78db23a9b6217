import { expect, test } from 'vitest';
import { startTestGateway } from '../../../test/fakes/gateway.ts';
import { hashApiKey } from '../../core/api-keys.ts';
import { accountOf } from '../identity/account.ts';

test('a tenant sees and may use its own models only, and changes act on the next request', async () => {
  await using gateway = await startTestGateway();
  const allow = (names: string[]) =>
    gateway.keys.set('acme', [{ name: 'first', hash: hashApiKey(gateway.key) }], accountOf('acme', { models: { names } }));
  const list = async () => {
    const answer = await fetch(`${gateway.url}/v1/models`, { headers: { authorization: `Bearer ${gateway.key}` } });
    return ((await answer.json()) as { data: { id: string }[] }).data.map(({ id }) => id);
  };
  allow(['other']);
  const refused = await gateway.post({ model: 'm', messages: [] });
  const unknown = await gateway.post({ model: 'n', messages: [] });
  expect(refused.status).toBe(404);
  expect((await refused.text()).replaceAll('`m`', '`n`')).toBe(await unknown.text());
  expect(await list()).toEqual([]);
  const described = await fetch(`${gateway.url}/v1/models/m`, { headers: { authorization: `Bearer ${gateway.key}` } });
  expect(described.status).toBe(404);

  allow(['m']);
  expect((await gateway.post({ model: 'm', messages: [] })).status).toBe(200);
  expect(await list()).toEqual(['m']);
});

test('who may use a model may use its adapters, and asks for them by name at replicas that have them', async () => {
  await using gateway = await startTestGateway({ workers: [{}, {}] });
  gateway.keys.set('acme', [{ name: 'first', hash: hashApiKey(gateway.key) }], accountOf('acme', { models: { names: ['m'] } }));
  gateway.setModel({ adapters: ['sql'] });
  const origin = gateway.workers[1]?.origin ?? '';
  gateway.fleet.setReplica('ns/m', { id: 'replica-1', name: 'm-1', origin, ready: true, adapters: ['sql'] });
  const statuses = await Promise.all(Array.from({ length: 6 }, async () => (await gateway.post({ model: 'm:sql', messages: [] })).status));
  expect(statuses).toEqual([200, 200, 200, 200, 200, 200]);
  expect(gateway.workers.map(({ seen }) => seen.length)).toEqual([0, 6]);
  expect(gateway.workers[1]?.seen[0]?.body).toContain('"m:sql"');
  expect((await gateway.post({ model: 'm:law', messages: [] })).status).toBe(404);
});
