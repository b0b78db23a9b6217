import { expect, test } from 'vitest';
import { generateApiKey, hashApiKey } from '../../core/api-keys.ts';
import { credentialOf } from './credential.ts';
import { KeyIndex } from './keys.ts';

const now = Date.UTC(2026, 5, 1);

test('finds the caller of a key, and nobody for another', () => {
  const keys = new KeyIndex();
  const [mine, yours] = [generateApiKey(), generateApiKey()];
  keys.set('acme', [{ name: 'laptop', hash: hashApiKey(mine) }]);
  keys.set('zeta', [{ name: 'ci', hash: hashApiKey(yours) }]);
  expect(keys.find(credentialOf(mine), now)).toMatchObject({ tenant: 'acme', keyName: 'laptop' });
  expect(keys.find(credentialOf(yours), now)).toMatchObject({ tenant: 'zeta', keyName: 'ci' });
  expect(keys.find(credentialOf(`${mine}x`), now)).toBeUndefined();
  expect(keys.find(credentialOf(hashApiKey(mine)), now)).toBeUndefined();
});

test('a key ends at its instant', () => {
  const keys = new KeyIndex();
  keys.set('acme', [{ name: 'old', hash: hashApiKey('k'), expiresAt: new Date(now).toISOString() }]);
  expect(keys.find(credentialOf('k'), now - 1)).toBeDefined();
  expect(keys.find(credentialOf('k'), now)).toBeUndefined();
});

test('an instant that cannot be read refuses', () => {
  const keys = new KeyIndex();
  keys.set('acme', [{ name: 'odd', hash: hashApiKey('k'), expiresAt: 'tomorrow' }]);
  expect(keys.find(credentialOf('k'), now)).toBeUndefined();
});

test('old and new key of a rotation work side by side until the old one is taken out', () => {
  const keys = new KeyIndex();
  const old = { name: 'old', hash: hashApiKey('old') };
  const next = { name: 'next', hash: hashApiKey('next') };
  keys.set('acme', [old, next]);
  expect([keys.find(credentialOf('old'), now), keys.find(credentialOf('next'), now)]).toMatchObject([
    { keyName: 'old' },
    { keyName: 'next' },
  ]);
  keys.set('acme', [next]);
  expect([keys.find(credentialOf('old'), now), keys.find(credentialOf('next'), now)?.keyName]).toEqual([undefined, 'next']);
  keys.delete('acme');
  expect(keys.find(credentialOf('next'), now)).toBeUndefined();
});

test('a key that two tenants list survives the removal of one', () => {
  const keys = new KeyIndex();
  for (const tenant of ['a', 'b']) keys.set(tenant, [{ name: 'shared', hash: hashApiKey('k') }]);
  keys.delete('a');
  expect(keys.find(credentialOf('k'), now)?.tenant).toBe('b');
});

test('remembers when a key was used last, also when its tenant changes', () => {
  const keys = new KeyIndex();
  const used = { name: 'laptop', hash: hashApiKey('k') };
  keys.set('acme', [used, { name: 'unused', hash: hashApiKey('u') }]);
  keys.find(credentialOf('k'), now);
  keys.find(credentialOf('k'), now + 5_000);
  keys.find(credentialOf('wrong'), now + 6_000);
  keys.set('acme', [used]);
  expect([...keys.uses()]).toEqual([{ tenant: 'acme', keyName: 'laptop', lastUsedAt: now + 5_000 }]);
  keys.delete('acme');
  expect([...keys.uses()]).toEqual([]);
});
