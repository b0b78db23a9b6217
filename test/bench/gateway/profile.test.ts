import { expect, test } from 'vitest';
import { type CpuProfile, moduleLines, selfTimes } from './profile.ts';

const frame = (functionName: string, url = '', lineNumber = 0) => ({ functionName, url, lineNumber });
const profile: CpuProfile = {
  startTime: 1_000,
  nodes: [
    { id: 1, callFrame: frame('(idle)') },
    { id: 2, callFrame: frame('parse', 'node:internal/http', 4) },
    { id: 3, callFrame: frame('limit', 'node:limit', 9) },
  ],
  samples: [2, 1, 3, 2, 3],
  timeDeltas: [500, 500, 100, 300, 100],
};

test('shares are of the busy time since the instant, the most first', () => {
  expect(selfTimes(profile, ({ functionName }) => functionName, 1_600)).toEqual([
    { place: 'parse', share: 0.6 },
    { place: 'limit', share: 0.4 },
  ]);
});

test('knows where the modules of a bundle begin', () => {
  const bundle = [
    '// a comment',
    '// node_modules/undici/lib/core/util.js',
    'var a;',
    '  // src/not/at/the/margin.ts',
    '// src/gateway/line.ts',
  ];
  expect(moduleLines(bundle.join('\n'))).toEqual([
    { line: 1, module: 'undici' },
    { line: 4, module: 'src/gateway/line.ts' },
  ]);
});
