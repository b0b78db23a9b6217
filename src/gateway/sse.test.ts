import fc from 'fast-check';
import { expect, test } from 'vitest';
import { errors } from '../core/errors.ts';
import { EventCutter, errorEvent, workerErrorEvent } from './sse.ts';

const whole = 'data: {"a":1}\n\ndata: two\ndata: lines\r\n\r\n: comment\n\ndata: [DONE]\n\n';

test('loses, adds and changes no byte, and passes on whole events only, however the bytes are cut', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 12 })), fc.string(), (sizes, tail) => {
      const bytes = Buffer.from(whole + tail);
      const cutter = new EventCutter();
      const passed: Buffer[] = [];
      for (let at = 0, index = 0; at < bytes.length; index += 1) {
        const size = sizes[index % Math.max(sizes.length, 1)] ?? 7;
        const events = cutter.take(bytes.subarray(at, at + size));
        if (events) {
          passed.push(events);
          expect(events.toString('latin1')).toMatch(/\n\r?\n$/);
        }
        at += size;
      }
      const rest = cutter.rest();
      expect(Buffer.concat(rest ? [...passed, rest] : passed).equals(bytes)).toBe(true);
    }),
  );
});

test('knows when the answer was whole', () => {
  const cutter = new EventCutter();
  cutter.take(Buffer.from('data: {"content":"[DONE]"}\n\n'));
  expect(cutter.done).toBe(false);
  cutter.take(Buffer.from('data: [DO'));
  expect(cutter.done).toBe(false);
  cutter.take(Buffer.from('NE]\n\n'));
  expect(cutter.done).toBe(true);
});

test('does not hold an event that never ends', () => {
  const cutter = new EventCutter();
  const chunk = Buffer.alloc(65_536, 'x');
  let passed = 0;
  for (let index = 0; index < 64; index += 1) passed += cutter.take(chunk)?.length ?? 0;
  const rest = cutter.rest()?.length ?? 0;
  expect(passed + rest).toBe(64 * chunk.length);
  expect(rest).toBeLessThanOrEqual(1_048_576);
});

test('an event that comes byte by byte is passed on as one', () => {
  const event = Buffer.from(`data: ${'x'.repeat(5_000)}\r\n\r\n`);
  const cutter = new EventCutter();
  const passed = Array.from(event, (_, at) => cutter.take(event.subarray(at, at + 1))).filter((events) => events !== undefined);
  expect(passed).toEqual([event]);
  expect(cutter.rest()).toBeUndefined();
});

test('an error event is one line of JSON in OpenAI’s shape', () => {
  const [data, ...end] = errorEvent(errors.streamInterrupted('two\nlines')).split('\n');
  expect(end).toEqual(['', '']);
  expect(JSON.parse(data?.replace('data: ', '') ?? '')).toMatchObject({ error: { code: 'stream_interrupted' } });
});

test.each([
  ['an error in OpenAI’s shape, on one line', '{\n "error": { "message": "no\\nway" } }', 'data: {"error":{"message":"no\\nway"}}\n\n'],
  ['nothing of a page', '<html>Bad Gateway</html>', undefined],
  ['nothing of another JSON', '{"error":"no"}', undefined],
])('makes an event of a worker’s error: %s', (_, body, event) => expect(workerErrorEvent(Buffer.from(body))).toBe(event));
