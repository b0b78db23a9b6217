import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { exportStatsAge } from './stats-age.ts';

test('has a series for each gateway that there is when it is asked, and none for one that is gone', async () => {
  const registry = new Registry();
  let ages = [
    { gateway: 'system/one', ageMs: 250 },
    { gateway: 'system/two', ageMs: 61_000 },
  ];
  exportStatsAge(registry, { ages: () => ages });
  const seen = async () => (await registry.metrics()).split('\n').filter((line) => line.startsWith('modelfleet_gateway_stats_age_seconds'));
  expect(await seen()).toEqual([
    'modelfleet_gateway_stats_age_seconds{gateway="system/one"} 0.25',
    'modelfleet_gateway_stats_age_seconds{gateway="system/two"} 61',
  ]);
  ages = ages.slice(0, 1);
  expect(await seen()).toHaveLength(1);
});
