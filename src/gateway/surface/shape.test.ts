import { expect, test } from 'vitest';
import { shapeRequest } from './shape.ts';

const chat = '/v1/chat/completions';
const set = (path: string, fields: object, serving: object) => shapeRequest(path, { ...fields }, serving)?.changes.set;

test('a request for a deployment without wishes goes on as it is', () => {
  expect(shapeRequest(chat, { messages: [] }, {})).toBeUndefined();
  expect(shapeRequest('/v1/embeddings', { input: 'x' }, { temperature: 0, maxOutputTokens: 1, systemPrompt: 's' })).toBeUndefined();
});

test('defaults fill what a request leaves out, and nothing else', () => {
  const serving = { temperature: 0.7, topP: 0.8 };
  expect(set(chat, {}, serving)).toEqual({ temperature: 0.7, top_p: 0.8 });
  expect(set(chat, { temperature: 0, top_p: null }, serving)).toEqual({ top_p: 0.8 });
  expect(set('/generate', {}, serving)).toEqual({ temperature: 0.7 });
});

test('no answer is longer than the cap, by whatever name it is asked for', () => {
  const serving = { maxOutputTokens: 100 };
  expect(set(chat, {}, serving)).toEqual({ max_tokens: 100 });
  expect(set(chat, { max_tokens: 50 }, serving)).toBeUndefined();
  expect(set(chat, { max_tokens: 500, max_completion_tokens: 600, n_predict: -1 }, serving)).toEqual({
    max_tokens: 100,
    max_completion_tokens: 100,
    n_predict: 100,
  });
  expect(set(chat, { n_predict: 20 }, serving)).toEqual({ max_tokens: 100 });
  expect(set('/v1/responses', { max_output_tokens: 200 }, serving)).toEqual({ max_output_tokens: 100 });
});

test('a cap does not make a completion longer than it would be', () => {
  expect(set('/v1/completions', {}, { maxOutputTokens: 100 })).toEqual({ max_tokens: 16 });
  expect(set('/v1/completions', {}, { maxOutputTokens: 8 })).toEqual({ max_tokens: 8 });
});

test('the system prompt comes before messages that have none', () => {
  const serving = { systemPrompt: 'Be brief.' };
  const prepend = (role: string) => shapeRequest(chat, { messages: [{ role, content: 'x' }] }, serving)?.changes.prepend;
  expect(prepend('user')).toEqual({ field: 'messages', element: { role: 'system', content: 'Be brief.' } });
  expect([prepend('system'), prepend('developer')]).toEqual([undefined, undefined]);
  expect(set('/generate', { prompt: 'x' }, serving)).toEqual({ system: 'Be brief.' });
  expect(set('/v1/responses', { instructions: 'mine' }, serving)).toBeUndefined();
  expect(shapeRequest('/v1/completions', { prompt: 'x' }, serving)).toBeUndefined();
});

test('every stream is asked for its usage, and it is taken out for who did not ask', () => {
  const shape = (fields: object) => shapeRequest(chat, { stream: true, ...fields }, {});
  const added = { changes: { set: { stream_options: { include_usage: true } } }, stripUsage: true };
  expect([shape({}), shape({ stream_options: null })]).toMatchObject([added, added]);
  expect(shape({ stream_options: { include_usage: false, x: 1 } })).toMatchObject({
    changes: { set: { stream_options: { include_usage: true, x: 1 } } },
    stripUsage: true,
  });
  expect([shape({ stream_options: { include_usage: true } }), shape({ stream: false })]).toEqual([undefined, undefined]);
});
