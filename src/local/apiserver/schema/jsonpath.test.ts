import { expect, test } from 'vitest';
import { parseJsonPath } from './jsonpath.ts';

const object = {
  metadata: { labels: { 'app.kubernetes.io/name': 'x' } },
  status: {
    conditions: [
      { type: 'Loaded', status: 'False', n: 1 },
      { type: 'Ready', status: 'True', n: 2 },
    ],
    counts: { a: 1, b: 2 },
  },
};

test.each([
  ['.status.conditions[?(@.type=="Ready")].status', ['True']],
  [".status.conditions[?(@.type=='Ready')].status", ['True']],
  ['.status.conditions[?(@.n>1)].type', ['Ready']],
  ['.status.conditions[?(@.missing)].type', []],
  ['.status.conditions[*].type', ['Loaded', 'Ready']],
  ['.status.conditions[0].type', ['Loaded']],
  ['.status.conditions[-1].type', ['Ready']],
  ['.status.conditions[9].type', []],
  ['.status.counts.*', [1, 2]],
  ['.metadata.labels.app\\.kubernetes\\.io/name', ['x']],
  [".metadata.labels['app\\.kubernetes\\.io/name']", ['x']],
  ['.nothing.at.all', []],
])('%s', (path, found) => {
  expect(parseJsonPath(path)(object)).toEqual(found);
});

test.each(['status', '.status..x', '.a[', '.a[?(@.b=)]x', '{.a}'])('%s is refused', (path) => {
  expect(() => parseJsonPath(path)).toThrow(SyntaxError);
});
