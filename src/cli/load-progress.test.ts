import { expect, test } from 'vitest';
import { barLine, type Progress, ProgressView, plainLine } from './load-progress.ts';

const loading: Progress = {
  name: 'smollm2',
  phase: 'LoadingWeights',
  percent: 41.7,
  bytesDone: 40_300_000,
  bytesTotal: 98_362_432,
  etaSeconds: 2,
};

test('a bar shows phase, percent, bytes and time left', () => {
  expect(barLine(loading)).toBe('smollm2  LoadingWeights  [############----------------]   41%  40.3 MB of 98.4 MB  2s left');
});

test('nothing is invented when percent, size and time left are unknown', () => {
  const unknown = { ...loading, phase: 'Pending', percent: null, bytesDone: null, bytesTotal: null, etaSeconds: null };
  expect(plainLine(unknown)).toBe('smollm2: Pending');
  expect(barLine(unknown)).not.toContain('0%');
});

test('without a terminal a line is printed only at a new phase or tenth', () => {
  const lines: string[] = [];
  const view = new ProgressView({ write: (text) => lines.push(text) });
  for (const percent of [41, 42, 49, 50, 51]) view.show({ ...loading, percent });
  view.show({ ...loading, phase: 'WarmingUp', percent: 99 });
  expect(lines.map((line) => line.split(',')[0])).toEqual([
    'smollm2: LoadingWeights 41%',
    'smollm2: LoadingWeights 50%',
    'smollm2: WarmingUp 99%',
  ]);
});

test('on a terminal the line is redrawn in place', () => {
  const written: string[] = [];
  const view = new ProgressView({ isTTY: true, write: (text) => written.push(text) });
  view.show(loading);
  view.show({ ...loading, percent: 100 });
  view.end();
  expect(written).toHaveLength(3);
  expect(written[1]?.startsWith('\r\u001b[2K')).toBe(true);
  expect(written[2]).toBe('\n');
});
