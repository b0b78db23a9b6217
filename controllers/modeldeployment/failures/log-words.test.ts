import { expect, test } from 'vitest';
import { logWords } from './log-words.ts';

const line = (fields: object) => JSON.stringify({ level: 30, time: '2026-01-01T00:00:00Z', name: 'worker', ...fields });

test('tells the last lines of a worker without their wrapping', () => {
  const log = [
    'ort":8000,"msg":"worker ports answer"}',
    line({ phase: 'Fetching', msg: 'load phase' }),
    line({ phase: 'LoadingWeights', bytesTotal: 98_362_432, msg: 'load phase' }),
    line({ engine: 'CUDA error: out of memory', msg: 'engine output' }),
  ];
  expect(logWords(log.join('\n'))).toBe('load phase: Fetching | load phase: LoadingWeights | CUDA error: out of memory');
});

test('keeps what comes between the lines of a log', () =>
  expect(logWords([line({ msg: 'stopping' }), 'Segmentation fault'].join('\n'))).toBe('stopping | Segmentation fault'));

test.each(['', 'exec: "nothing": executable file not found in $PATH', 'one\ntwo\nthree\nfour', '{ not JSON', '{"msg":7}'])(
  'leaves %j as it is',
  (text) => expect(logWords(text)).toBe(text),
);
