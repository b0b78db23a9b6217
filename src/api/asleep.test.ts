import { expect, test } from 'vitest';
import { isAsleep } from './asleep.ts';

const model = { source: 'file:///m.gguf' };
const since = { name: 'm', annotations: { 'modelfleet.dev/asleep': '2026-01-01T00:00:00Z' } };

test.each([
  ['put to sleep', true, { replicas: 0, scaling: { maxReplicas: 3, minReplicas: 0 } }, since, 4],
  [
    'new and allowed to begin without replicas',
    true,
    { replicas: 0, scaling: { maxReplicas: 3, minReplicas: 0 } },
    { name: 'm' },
    undefined,
  ],
  ['scaled to zero by hand', false, { replicas: 0, scaling: { maxReplicas: 3, minReplicas: 0 } }, { name: 'm' }, 4],
  ['new and at zero, but never to be without replicas', false, { replicas: 0, scaling: { maxReplicas: 3 } }, { name: 'm' }, undefined],
  ['new and at zero without scaling', false, { replicas: 0 }, { name: 'm' }, undefined],
  ['suspended in its sleep', false, { replicas: 0, suspend: true }, since, 4],
  ['woken, with an annotation that is not gone yet', false, { replicas: 1 }, since, 4],
  ['one that says nothing of replicas', false, {}, since, undefined],
] as const)('a deployment that is %s sleeps: %s', (_, asleep, spec, metadata, observedGeneration) => {
  const status = observedGeneration === undefined ? {} : { status: { observedGeneration } };
  expect(isAsleep({ metadata, spec: { model, ...spec }, ...status })).toBe(asleep);
});
