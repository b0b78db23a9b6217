import { expect, test } from 'vitest';
import { affinityKey } from './affinity.ts';

const key = (fields: object, session?: string) => affinityKey('acme', fields as Record<string, unknown>, session);
const turn = (role: string, content: unknown) => ({ role, content });
const opening = [turn('system', 'You are brief.'), turn('user', 'What is a mutex?')];

test('a conversation keeps its key while it grows, and another one has another', () => {
  const first = key({ messages: opening });
  expect(key({ messages: [...opening, turn('assistant', 'A lock.'), turn('user', 'Why?')] })).toBe(first);
  expect(key({ messages: [opening[0], turn('user', 'What is a fence?')] })).not.toBe(first);
  expect(key({ messages: [opening[0], turn('user', [{ type: 'text', text: 'What is a mutex?' }])] })).toBe(first);
});

test('a named session comes before the prompt, in the order of header, cache key and user, and per tenant', () => {
  const other = { messages: [turn('user', 'Else')] };
  expect(key({ messages: opening, user: 'u1' })).toBe(key({ ...other, user: 'u1' }));
  expect(key({ user: 'u1', prompt_cache_key: 'k' })).toBe(key({ user: 'u2', prompt_cache_key: 'k' }));
  expect(key({ user: 'u1' }, 's')).toBe(key({ user: 'u2' }, 's'));
  expect(affinityKey('other', {}, 's')).not.toBe(key({}, 's'));
});

test('a text that goes on keeps the key of its first block', () => {
  const start = 'x'.repeat(1_024);
  expect(key({ prompt: `${start} and more` })).toBe(key({ prompt: start }));
  expect(key({ prompt: ['one', 'two'] })).toBe(key({ prompt: 'one' }));
  expect(key({ input: 'one', instructions: 'Be kind.' })).not.toBe(key({ input: 'one' }));
  expect(key({ input: [turn('user', 'hi')] })).toBe(key({ messages: [turn('user', 'hi')] }));
});

test('what has no beginning has no key, whatever a caller sends', () => {
  for (const fields of [{}, { messages: [] }, { messages: 'no' }, { prompt: [[1, 2]] }, { input: [] }]) expect(key(fields)).toBeUndefined();
  expect(key({ messages: [null, 7, turn('user', null)] })).toBeDefined();
});
