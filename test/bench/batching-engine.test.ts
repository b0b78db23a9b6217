import { expect, test } from 'vitest';
import { BatchingEngine, type Sequence } from './batching-engine.ts';

const shape = { kvTokens: 100, maxSequences: 4, stepMs: 10, sequenceMs: 1, promptTokenMs: 0.5 };

function sequence(promptTokens: number, outputTokens: number, told: string[], name: string): Sequence {
  return {
    promptTokens,
    outputTokens,
    generated: 0,
    onFirst: () => told.push(`${name} first`),
    onDone: () => told.push(`${name} done`),
  };
}

test('a step takes its time for each sequence and for each token of a prompt that it reads', () => {
  const engine = new BatchingEngine(shape);
  engine.submit(sequence(20, 5, [], 'a'));
  engine.submit(sequence(10, 5, [], 'b'));
  expect([engine.step(), engine.step()]).toEqual([10 + 2 + 15, 10 + 2]);
});

test('when the memory is full the newest is put back, and its prompt and tokens are read again', () => {
  const told: string[] = [];
  const engine = new BatchingEngine(shape);
  engine.submit(sequence(47, 6, told, 'old'));
  engine.submit(sequence(47, 6, told, 'new'));
  for (let step = 0; step < 12; step += 1) engine.step();
  expect(told).toEqual(['old first', 'new first', 'old done', 'new done']);
  expect([engine.preemptions, engine.idle]).toEqual([1, true]);
});

test('who leaves takes no more memory and no more time', () => {
  const engine = new BatchingEngine(shape);
  const gone = sequence(90, 50, [], 'gone');
  engine.submit(gone);
  engine.step();
  engine.cancel(gone);
  engine.submit(sequence(90, 1, [], 'next'));
  expect(engine.step()).toBe(10 + 1 + 45);
  expect(engine.idle).toBe(true);
});
