import { expect, test } from 'vitest';
import { readsOf } from './promql.ts';

test('an expression reads metrics, the labels of their selectors, and labels of groupings and joins', () => {
  const expr =
    'label_join(sum by (namespace, le) (rate(a:b_total{code=~"5..", model!="x"}[5m]) and on (job) up), "model", "/", "namespace", "name") > bool 0.5';
  expect(readsOf(expr)).toEqual({
    selectors: [
      { metric: 'a:b_total', labels: ['code', 'model'] },
      { metric: 'up', labels: [] },
    ],
    labels: ['namespace', 'le', 'job', 'model', 'namespace', 'name'],
  });
});

test('functions, numbers and durations are no metrics', () => {
  expect(readsOf('histogram_quantile(0.5, vector(1e3)) / 2').selectors).toEqual([]);
});
