import { expect, test } from 'vitest';
import { generateApiKey, hashApiKey } from './api-keys.ts';

test('makes keys of one recognisable shape that never repeat', () => {
  const keys = Array.from({ length: 100 }, generateApiKey);
  for (const key of keys) expect(key).toMatch(/^mf-[A-Za-z0-9_-]{43}$/);
  expect(new Set(keys).size).toBe(keys.length);
});

test('hashes the whole key text with sha256', () =>
  expect(hashApiKey('abc')).toBe('sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'));
