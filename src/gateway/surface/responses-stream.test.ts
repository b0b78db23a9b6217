import fc from 'fast-check';
import { expect, test } from 'vitest';
import { errors } from '../../core/errors.ts';
import { ResponseTranslator } from './responses-stream.ts';

type Event = { type: string; sequence_number: number; [field: string]: unknown };

const head = { id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 7, model: 'm' };
const chunk = (delta: object, finish_reason: string | null = null) =>
  `data: ${JSON.stringify({ ...head, choices: [{ index: 0, delta, finish_reason }] })}\n\n`;
const usage = { prompt_tokens: 3, completion_tokens: 4, total_tokens: 7, prompt_tokens_details: { cached_tokens: 2 } };
const usageEvent = `data: ${JSON.stringify({ ...head, choices: [], usage })}\n\n`;
const done = 'data: [DONE]\n\n';

function read(...parts: string[]): Event[] {
  const translator = new ResponseTranslator({ metadata: { a: 'b' } });
  const text = parts.map((part) => translator.events(Buffer.from(part))?.toString() ?? '').join('') + (translator.end()?.toString() ?? '');
  return eventsOf(text);
}

function eventsOf(text: string): Event[] {
  return text
    .split('\n\n')
    .slice(0, -1)
    .map((event) => {
      const [name, data] = event.split('\n');
      const value = JSON.parse(data?.slice('data: '.length) ?? '');
      expect(name).toBe(`event: ${value.type}`);
      return value;
    });
}

test('a streamed text becomes the events of a response, numbered in order', () => {
  const events = read(
    chunk({ role: 'assistant', content: '' }),
    chunk({ content: 'Hel' }),
    chunk({ content: 'lo' }) + chunk({}, 'stop') + usageEvent,
    done,
  );
  expect(events.map(({ type }) => type)).toEqual([
    'response.created',
    'response.in_progress',
    'response.output_item.added',
    'response.content_part.added',
    'response.output_text.delta',
    'response.output_text.delta',
    'response.output_text.done',
    'response.content_part.done',
    'response.output_item.done',
    'response.completed',
  ]);
  expect(events.map(({ sequence_number }) => sequence_number)).toEqual(events.map((_, index) => index));
  expect(events.at(-1)?.response).toMatchObject({
    status: 'completed',
    created_at: 7,
    model: 'm',
    metadata: { a: 'b' },
    output: [{ type: 'message', content: [{ type: 'output_text', text: 'Hello' }] }],
    usage: { input_tokens: 3, input_tokens_details: { cached_tokens: 2 }, output_tokens: 4, total_tokens: 7 },
  });
});

test('thoughts, text and calls become items of their own', () => {
  const call = (index: number, more: object) => chunk({ tool_calls: [{ index, ...more }] });
  const events = read(
    chunk({ reasoning_content: 'hm' }),
    chunk({ content: 'I look.' }),
    call(0, { id: 'c1', function: { name: 'f', arguments: '' } }),
    call(0, { function: { arguments: '{"a":' } }) + call(0, { function: { arguments: '1}' } }),
    call(1, { id: 'c2', function: { name: 'g', arguments: '{}' } }),
    chunk({}, 'tool_calls') + done,
  );
  expect(events.at(-1)?.response).toMatchObject({
    output: [
      { type: 'reasoning', content: [{ text: 'hm' }] },
      { type: 'message', content: [{ text: 'I look.' }] },
      { type: 'function_call', call_id: 'c1', name: 'f', arguments: '{"a":1}' },
      { type: 'function_call', call_id: 'c2', name: 'g', arguments: '{}' },
    ],
  });
  const added = events.filter(({ type }) => type === 'response.output_item.added').map(({ output_index }) => output_index);
  expect(added).toEqual([0, 1, 2, 3]);
});

test('an answer that was cut at its limit is incomplete', () => {
  const events = read(chunk({ content: 'x' }), chunk({}, 'length') + done);
  expect(events.at(-1)).toMatchObject({ type: 'response.incomplete', response: { incomplete_details: { reason: 'max_output_tokens' } } });
});

test('an error ends the stream, and nothing follows', () => {
  const translator = new ResponseTranslator({});
  translator.events(Buffer.from(chunk({ content: 'x' })));
  expect(eventsOf(translator.error(errors.streamInterrupted('m')))).toMatchObject([{ type: 'error', code: 'stream_interrupted' }]);
  expect(translator.events(Buffer.from(chunk({ content: 'y' })))).toBeUndefined();
  expect(translator.end()).toBeUndefined();
  expect(read(chunk({ content: 'x' }), 'data: {"error":{"message":"broken","code":"engine_failed"}}\n\n').at(-1)).toMatchObject({
    type: 'error',
    code: 'engine_failed',
    message: 'broken',
  });
});

test('whatever a worker sends, the events are whole and numbered', () => {
  const delta = fc.record(
    { content: fc.option(fc.string()), reasoning_content: fc.string(), tool_calls: fc.jsonValue() },
    { requiredKeys: [] },
  );
  const part = fc.oneof(
    delta.map((each) => chunk(each)),
    fc.jsonValue().map((value) => `data: ${JSON.stringify(value)}\n\n`),
    fc.constant(': comment\n\n'),
  );
  fc.assert(
    fc.property(fc.array(part), (parts) => {
      const events = read(...parts);
      expect(events.map(({ sequence_number }) => sequence_number)).toEqual(events.map((_, index) => index));
      expect(['response.completed', 'error']).toContain(events.at(-1)?.type);
    }),
  );
});
