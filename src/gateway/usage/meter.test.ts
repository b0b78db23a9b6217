import { expect, test } from 'vitest';
import { Meter } from './meter.ts';

const chunk = (content: string) => `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content } }], usage: null })}\n\n`;
const usage = { prompt_tokens: 12, completion_tokens: 34, total_tokens: 46, prompt_tokens_details: { cached_tokens: 8 } };
const usageEvent = `data: ${JSON.stringify({ object: 'chat.completion.chunk', choices: [], usage })}\n\n`;
const done = 'data: [DONE]\n\n';
const told = { promptTokens: 12, completionTokens: 34, cachedTokens: 8, countedBy: 'worker' };

function read(meter: Meter, ...parts: readonly string[]): string {
  return parts.map((part) => meter.events(Buffer.from(part))?.toString() ?? '').join('');
}

function stripping(): Meter {
  const meter = new Meter();
  meter.strip = true;
  return meter;
}

test('takes out the usage that only the gateway asked for, however events are packed', () => {
  for (const parts of [[chunk('a'), usageEvent, done], [chunk('a') + usageEvent, done], [chunk('a') + usageEvent + done]]) {
    const meter = stripping();
    expect(read(meter, ...parts)).toBe(chunk('a') + done);
    expect(meter.read(1)).toEqual(told);
  }
});

test('events that end in CRLF are cut out whole', () => {
  const crlf = (text: string) => text.replaceAll('\n', '\r\n');
  const meter = stripping();
  expect(read(meter, crlf(chunk('a') + usageEvent + done))).toBe(crlf(chunk('a') + done));
  expect(meter.read(1)).toEqual(told);
});

test('a caller who asked for the usage gets it, byte for byte', () => {
  const meter = new Meter();
  expect(read(meter, chunk('a'), usageEvent + done)).toBe(chunk('a') + usageEvent + done);
  expect(meter.read(1)).toEqual(told);
});

test('usage that comes with text is read and stays', () => {
  const last = `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: 'z' } }], usage })}\n\n`;
  const meter = stripping();
  expect(read(meter, last + done)).toBe(last + done);
  expect(meter.read(1)).toEqual(told);
});

test('usage is read however a worker sets its spaces, and only where it is an object', () => {
  const of = (text: string) => {
    const meter = new Meter();
    meter.whole(Buffer.from(text));
    return meter.read(0);
  };
  expect(of(JSON.stringify({ choices: [], usage }, undefined, 2))).toEqual(told);
  expect(of(`{"usage"\t:\r\n  ${JSON.stringify({ ...usage, worker: 'Zoë' })}}`)).toEqual(told);
  for (const other of ['null', '7', '[{"prompt_tokens":1}]', '{"prompt_tokens":1', '', '{"prompt_tokens":1,}'])
    expect(of(`"usage":${other}`)).toMatchObject({ countedBy: 'gateway' });
  expect(of(`["usage",${JSON.stringify(usage)}]`)).toMatchObject({ countedBy: 'gateway' });
});

test('what a model writes about usage is not usage', () => {
  const meter = stripping();
  const talk = chunk('{"usage":{"prompt_tokens":1,"completion_tokens":1}}') + chunk('"usage"');
  expect(read(meter, talk)).toBe(talk);
  expect(meter.read(40)).toMatchObject({ countedBy: 'gateway', promptTokens: 10, completionTokens: 1 });
});

test('a stream that broke off is counted by what came of it', () => {
  const meter = new Meter();
  read(meter, chunk(''), chunk('a'), chunk('b') + chunk('c'));
  expect(meter.read(100)).toEqual({ promptTokens: 25, completionTokens: 3, cachedTokens: 0, countedBy: 'gateway' });
});

test('nothing of an answer is no usage', () => {
  expect(new Meter().read(100)).toBeUndefined();
});

test('whole answers tell it, of embeddings and of responses too', () => {
  const of = (body: object) => {
    const meter = new Meter();
    meter.whole(Buffer.from(JSON.stringify(body)));
    return meter.read(1);
  };
  expect(of({ choices: [], usage })).toEqual(told);
  expect(of({ data: [], usage: { prompt_tokens: 5, total_tokens: 5 } })).toMatchObject({ promptTokens: 5, completionTokens: 0 });
  expect(of({ usage: { input_tokens: 3, output_tokens: 4, input_tokens_details: { cached_tokens: 1 } } })).toMatchObject({
    promptTokens: 3,
    completionTokens: 4,
    cachedTokens: 1,
  });
});

test('finds usage that lies across two pieces of a long answer', () => {
  const text = JSON.stringify({ data: 'x'.repeat(5_000), usage });
  for (let cut = text.length - 130; cut < text.length; cut += 7) {
    const meter = new Meter();
    meter.piece(Buffer.from(text.slice(0, cut)));
    meter.piece(Buffer.from(text.slice(cut)));
    expect(meter.read(1)).toEqual(told);
  }
});
