import { expect, test } from 'vitest';
import { soakGateway } from './gateway-soak.ts';

test('of some thousand requests of all kinds nothing is left: no slot, no place, no socket, no timer, no memory', {
  timeout: 180_000,
}, async () => {
  // What is compiled and cached at first is megabytes; a request that stays is some kilobytes.
  const report = await soakGateway({ requests: 3_000, callers: 16, looks: 6, seed: 7, mayGrowMegabytes: 3 });
  expect(report.problems).toEqual([]);
  expect(Object.keys(report.kinds)).toHaveLength(10);
});
