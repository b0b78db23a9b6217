import { expect, test } from 'vitest';
import { parts, readOptions } from './options.ts';

test('measures everything unless told', () => {
  expect([...readOptions([]).only]).toEqual([...parts]);
  expect([...readOptions(['--only', 'streams,latency', '--json']).only]).toEqual(['streams', 'latency']);
});

test.each([
  [['--only', 'request'], '--only knows requests, chunks, latency, streams, overload, not request'],
  [['--only', 'streams', '--profile', '/tmp'], '--profile needs one of requests, chunks, latency'],
  [['--pace-ms', '0'], '--pace-ms must be a number above 0, not 0'],
  [['--rounds', 'many'], '--rounds must be a number above 0, not many'],
])('refuses %s', (argv, message) => {
  expect(() => readOptions(argv)).toThrow(message);
});
