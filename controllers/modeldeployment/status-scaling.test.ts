import { expect, test } from 'vitest';
import { demandFor } from '../demand/demand.ts';
import { accept } from './acceptance.ts';
import { scalingDueMs } from './status-scaling.ts';
import { deployment, loaded, t0 } from './testing/makers.fake.ts';
import { condition, status } from './testing/status.fake.ts';

const scaling = { maxReplicas: 8 };
const demand = (running: number) =>
  demandFor('qwen', [{ ready: true, since: t0, heardAt: t0, models: new Map([['qwen', { held: 0, queued: 0, running }]]) }], t0);
const view = (running: number) => ({ autoscaler: undefined, trouble: undefined, demand: demand(running) });

test('a deployment that scales tells how, one that scales no longer ceases to', () => {
  const scaled = status([loaded(), loaded()], { scaling }, { scaling: view(5) });
  expect(scaled.scaling).toMatchObject({ value: 5, perReplica: '2.5', desired: 2 });
  expect(condition(scaled, 'ScalingActive')).toMatchObject({ status: 'Unknown', reason: 'WaitingForAutoscaler', observedGeneration: 1 });
  const unscaled = status([loaded(), loaded()], {}, { scaling: view(5), previous: scaled });
  expect(unscaled.scaling).toBeUndefined();
  expect(condition(unscaled, 'ScalingActive')).toBeUndefined();
});

test('what is unknown stays as it was told last', () => {
  const scaled = status([loaded(), loaded()], { scaling }, { scaling: view(5) });
  const unread = status(
    [loaded(), loaded()],
    { scaling },
    { acceptance: { accepted: false, reason: 'InvalidSpec', message: 'no' }, previous: scaled },
  );
  expect(unread.scaling).toEqual(scaled.scaling);
  expect(condition(unread, 'ScalingActive')).toEqual(condition(scaled, 'ScalingActive'));
});

test('counts what the workers have where the gateways know of less', () => {
  const busy = [loaded({ inFlight: 4, waiting: 3 }), loaded({ leaving: true, inFlight: 2 })];
  expect(status(busy, { scaling }, { scaling: view(5) }).scaling).toMatchObject({ value: 9 });
});

test('a value that is told too soon is told later', () => {
  const subject = deployment({ replicas: 2, scaling });
  const replicas = [loaded(), loaded()];
  const told = status(replicas, { scaling }, { scaling: view(5) });
  const seen = { deployment: subject, acceptance: accept(subject, 'privileged'), revision: 'v1', replicas };
  expect(scalingDueMs({ ...seen, scaling: view(5) }, told, t0 + 10_000)).toBeUndefined();
  expect(scalingDueMs({ ...seen, scaling: view(6) }, told, t0 + 10_000)).toBe(20_000);
});
