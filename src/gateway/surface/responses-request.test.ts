import fc from 'fast-check';
import { expect, test } from 'vitest';
import { HttpError } from '../../core/errors.ts';
import { chatOfResponse } from './responses-request.ts';

test('a text with instructions is a chat of two messages', () => {
  expect(chatOfResponse({ model: 'm', instructions: 'Be brief.', input: 'hi', max_output_tokens: 9, stream: true, store: true })).toEqual({
    model: 'm',
    stream: true,
    max_tokens: 9,
    messages: [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'hi' },
    ],
  });
});

test('a conversation with calls of functions keeps its order', () => {
  const input = [
    { role: 'developer', content: 'rules' },
    {
      type: 'message',
      role: 'user',
      content: [
        { type: 'input_text', text: 'a' },
        { type: 'input_text', text: 'b' },
      ],
    },
    { type: 'reasoning', summary: [] },
    { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'I look.' }] },
    { type: 'function_call', call_id: 'c1', name: 'f', arguments: '{}' },
    { type: 'function_call', call_id: 'c2', name: 'g', arguments: '{"x":1}' },
    { type: 'function_call_output', call_id: 'c1', output: 'sunny' },
    {
      role: 'user',
      content: [
        { type: 'input_text', text: 'see' },
        { type: 'input_image', image_url: 'data:x', detail: 'low' },
      ],
    },
  ];
  expect(chatOfResponse({ model: 'm', input }).messages).toEqual([
    { role: 'system', content: 'rules' },
    { role: 'user', content: 'ab' },
    {
      role: 'assistant',
      content: 'I look.',
      tool_calls: [
        { id: 'c1', type: 'function', function: { name: 'f', arguments: '{}' } },
        { id: 'c2', type: 'function', function: { name: 'g', arguments: '{"x":1}' } },
      ],
    },
    { role: 'tool', tool_call_id: 'c1', content: 'sunny' },
    {
      role: 'user',
      content: [
        { type: 'text', text: 'see' },
        { type: 'image_url', image_url: { url: 'data:x', detail: 'low' } },
      ],
    },
  ]);
});

test('functions, formats and effort have other places in a chat', () => {
  const parameters = { type: 'object' };
  const schema = { type: 'object' };
  expect(
    chatOfResponse({
      model: 'm',
      input: 'x',
      tools: [{ type: 'function', name: 'f', parameters, strict: true }],
      tool_choice: { type: 'function', name: 'f' },
      text: { format: { type: 'json_schema', name: 's', schema } },
      reasoning: { effort: 'low' },
    }),
  ).toMatchObject({
    tools: [{ type: 'function', function: { name: 'f', parameters, strict: true } }],
    tool_choice: { type: 'function', function: { name: 'f' } },
    response_format: { type: 'json_schema', json_schema: { name: 's', schema } },
    reasoning_effort: 'low',
  });
});

test.each([
  [{ previous_response_id: 'resp_1' }, 'previous_response_id'],
  [{ conversation: 'c' }, 'conversation'],
  [{ background: true }, 'background'],
  [{ tools: [{ type: 'web_search' }] }, 'tools[0]'],
  [{ input: 7 }, 'input'],
  [{ input: [7] }, 'input[0]'],
  [{ input: [{ type: 'computer_call' }] }, 'input[0]'],
  [{ input: [{ role: 'user', content: [{ type: 'input_file' }] }] }, 'input[0].content[0]'],
])('refuses %j and names the field', (more, param) => {
  expect(() => chatOfResponse({ model: 'm', input: 'x', ...more })).toThrow(expect.objectContaining({ status: 400, param }));
});

test('any request is a chat or a 400', () => {
  const name = fc.constantFrom('input', 'instructions', 'tools', 'tool_choice', 'text', 'reasoning', 'type', 'role', 'content', 'name');
  const word = fc.constantFrom(
    'message',
    'user',
    'function_call',
    'function_call_output',
    'input_text',
    'input_image',
    'function',
    'json_schema',
  );
  const { value } = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof({ maxDepth: 5 }, word, fc.jsonValue(), fc.array(tie('value')), fc.dictionary(name, tie('value'))),
  }));
  fc.assert(
    fc.property(fc.dictionary(name, value), (fields) => {
      try {
        expect(Array.isArray(chatOfResponse(fields).messages)).toBe(true);
      } catch (error) {
        expect(error).toBeInstanceOf(HttpError);
        expect(error).toMatchObject({ status: 400 });
      }
    }),
  );
});
