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
