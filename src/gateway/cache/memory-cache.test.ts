import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cacheKey, mayReuse } from './cache-key.ts';
import { MemoryCache } from './memory-cache.ts';

const answer = (bytes: number, storedAt = 0) => ({ contentType: 'application/json', body: Buffer.alloc(bytes), storedAt });

test('an answer is given until its time is over', () => {
  const cache = new MemoryCache(1_000_000);
  cache.set('a', answer(10, 1_000), 500);
  expect(cache.get('a', 1_499)?.body).toHaveLength(10);
  expect(cache.get('a', 1_500)).toBeUndefined();
  expect(cache.size).toBe(0);
});

test('what was not asked for the longest goes first', () => {
  const cache = new MemoryCache(20_000);
  for (const key of ['a', 'b']) cache.set(key, answer(700), 1_000);
  cache.get('a', 1);
  for (let index = 0; index < 15; index += 1) cache.set(`c${index}`, answer(700), 1_000);
  expect([cache.get('a', 1) !== undefined, cache.get('b', 1) !== undefined]).toEqual([true, false]);
});

test('never takes more than its bound, and counts what it holds', () => {
  const step = fc.tuple(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 9_000 }), fc.boolean());
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const cache = new MemoryCache(100_000);
      for (const [key, bytes, set] of steps) {
        if (set) cache.set(String(key), answer(bytes), 1_000);
        else cache.get(String(key), bytes > 4_500 ? 2_000 : 1);
        expect(cache.size).toBeLessThanOrEqual(100_000);
      }
      for (let key = 0; key <= 20; key += 1) cache.get(String(key), 2_000);
      expect(cache.size).toBe(0);
    }),
  );
});

const subject = { tenant: 'acme', model: 'ns/m', path: '/v1/chat/completions', changes: undefined };
const key = (fields: Record<string, unknown>, more: object = {}) => cacheKey({ ...subject, fields, ...more });

test('bodies that mean the same have one key; the order of fields and the user do not matter', () => {
  expect(key({ a: 1, b: { c: 'x', d: [1] }, user: 'u' })).toBe(key({ b: { d: [1], c: 'x' }, a: 1 }));
});

test('tenants, models, paths, values and what a deployment adds tell keys apart', () => {
  const keys = [
    key({ a: 1 }),
    key({ a: '1' }),
    key({ a: [1] }),
    key({ a: 1, stream: true }),
    key({ a: 1 }, { tenant: 'beta' }),
    key({ a: 1 }, { model: 'ns/n' }),
    key({ a: 1 }, { path: '/v1/completions' }),
    key({ a: 1 }, { changes: { set: { max_tokens: 5 } } }),
  ];
  expect(new Set(keys).size).toBe(keys.length);
});

test('what is nested too deep has no key', () => {
  let deep: unknown = 1;
  for (let index = 0; index < 100; index += 1) deep = [deep];
  expect(key({ deep })).toBeUndefined();
});

test('only what would be the same again is given again, unless the caller says otherwise', () => {
  const chat = '/v1/chat/completions';
  expect(mayReuse({ header: undefined, path: chat, temperature: 0 })).toBe(true);
  expect(mayReuse({ header: undefined, path: chat, temperature: undefined })).toBe(false);
  expect(mayReuse({ header: 'on', path: chat, temperature: 1 })).toBe(true);
  expect(mayReuse({ header: 'off', path: chat, temperature: 0 })).toBe(false);
  expect(mayReuse({ header: undefined, path: '/v1/embeddings', temperature: undefined })).toBe(true);
});
