import { expect, test } from 'vitest';
import type { Subjects } from './baselines.ts';
import { type Findings, reportOf } from './findings.ts';
import { readOptions } from './options.ts';
import type { Subject } from './subject.ts';

const options = readOptions([]);
const subject = (name: string): Subject => ({ name, origin: 'http://127.0.0.1:1', process: { pid: 0, stop: async () => {} } });
const direct = subject('direct');
const gateway = subject('gateway');
const bare = subject('bare');
const nginx = subject('nginx');
const subjects: Subjects = { direct, gateway, bare, nginx, shared: undefined, portkey: undefined };

const nothing: Findings = {
  subjects: undefined,
  requests: new Map(),
  chunks: new Map(),
  answers: new Map(),
  firstFrames: new Map(),
  streams: undefined,
  overload: [],
};

test('what was not measured is null, under the key that it always has', () => {
  const { results, rows } = reportOf(nothing, options);
  expect(Object.values(results).every((value) => value === null)).toBe(true);
  expect(Object.keys(results).toSorted()).toEqual(
    [
      'cpuMicrosPerRequest',
      'cpuMicrosPerChunk',
      'redisCpuMicrosPerRequest',
      'bareCpuMicrosPerRequest',
      'bareCpuMicrosPerChunk',
      'nginxCpuMicrosPerRequest',
      'nginxCpuMicrosPerChunk',
      'portkeyCpuMicrosPerRequest',
      'addedP50Millis',
      'addedP99Millis',
      'addedTtftP99Millis',
      'streamsSustained',
      'framesLost',
      'rssIdleMegabytes',
      'rssPlateauMegabytes',
      'rssAfterMegabytes',
      'overloadThroughputRatio',
    ].toSorted(),
  );
  expect(rows).toEqual([]);
});

test('costs are medians over the rounds, and what was added is the difference from the worker itself', () => {
  const { results, rows } = reportOf(
    {
      ...nothing,
      subjects,
      requests: new Map([
        [gateway, [200, 210, 400]],
        [bare, [100, 140, 200]],
      ]),
      answers: new Map([
        [direct, [[0.1, 0.1, 0.2]]],
        [gateway, [[0.3, 0.3, 1]]],
      ]),
    },
    options,
  );
  expect(results).toMatchObject({
    cpuMicrosPerRequest: 210,
    bareCpuMicrosPerRequest: 140,
    nginxCpuMicrosPerRequest: null,
    addedP50Millis: 0.2,
    addedP99Millis: 0.8,
  });
  expect(rows).toContainEqual(['gateway', '210 (200–400)', 0.3, 1, '', '']);
  expect(rows).toContainEqual(['gateway ÷ bare (2 a request, 1.3 a chunk)', 2, '', '', '', '']);
});
