import { expect, test } from 'vitest';
import { doneEvent, FrameReader, frameEvent } from './frames.ts';

const stream = (indices: readonly number[]) => indices.map(frameEvent).join('');

function read(...parts: readonly string[]): FrameReader {
  const reader = new FrameReader();
  for (const part of parts) reader.take(Buffer.from(part));
  return reader;
}

test('counts the frames of a stream, wherever it is cut', () => {
  const wire = `${stream([0, 1, 2])}: comment\n\n${doneEvent}`;
  for (let cut = 0; cut <= wire.length; cut += 1)
    expect(read(wire.slice(0, cut), wire.slice(cut))).toMatchObject({ received: 3, done: true });
});

test('tells as a frame what has come completely', () => {
  const reader = new FrameReader();
  expect(reader.take(Buffer.from(frameEvent(0).slice(0, -1)))).toBe(0);
  expect(reader.take(Buffer.from('\n'))).toBe(1);
});

test.each([
  ['missing', [0, 1, 3], 3],
  ['twice', [0, 1, 1, 2], 3],
  ['late', [0, 2, 1, 3], 3],
])('does not count a frame that is %s', (_, indices, received) => {
  expect(read(stream(indices)).received).toBe(received);
});

test('knows a stream that broke off', () => {
  expect(read(stream([0, 1]), 'data: {"error":{"message":"broken"}}\n\n')).toMatchObject({ received: 2, done: false });
});
