import { beforeEach, expect, test } from 'vitest';
import { resolveSpec } from '../../src/api/model-deployment.ts';
import { FakeClock } from '../../src/core/fake-clock.ts';
import { deployment, t0 } from '../modeldeployment/testing/makers.fake.ts';
import { answer } from '../modeldeployment/testing/server.fake.ts';
import type { HorizontalPodAutoscaler } from './autoscaler.ts';
import { AutoscalerKeeper, type AutoscalerKeeperOptions } from './autoscaler-keeper.ts';

const one = deployment({ scaling: { maxReplicas: 4 } });

let clock: FakeClock;
let tries: number;
let refuseWith: Error | undefined;
let keeper: AutoscalerKeeper;

beforeEach(() => {
  clock = new FakeClock(t0);
  tries = 0;
  refuseWith = undefined;
  const client = {
    create: async (_: unknown, draft: HorizontalPodAutoscaler) => {
      tries += 1;
      if (refuseWith) throw refuseWith;
      return { ...draft, metadata: { ...draft.metadata, uid: 'uid-hpa', resourceVersion: '2' } };
    },
    get: async () => Promise.reject(answer(404, 'NotFound')),
  } as unknown as AutoscalerKeeperOptions['client'];
  keeper = new AutoscalerKeeper({ client, autoscalers: { get: () => undefined }, clock });
});

const keep = (of = one) => keeper.keep(of, resolveSpec(of), new AbortController().signal);

test('shows the autoscaler that it made before any cache does', async () => {
  await keep();
  await keep();
  expect(tries).toBe(1);
  expect(keeper.view(one)).toMatchObject({ autoscaler: { spec: { maxReplicas: 4 } }, trouble: undefined });
});

test('tells what the server refuses, tries again ever more rarely, and at once when the spec changes', async () => {
  refuseWith = answer(422, 'Invalid', 'spec.maxReplicas: must not exceed the quota of the team');
  expect(await keep()).toBeGreaterThan(0);
  expect(await keep()).toBeGreaterThan(0);
  expect(tries).toBe(1);
  expect(keeper.view(one).trouble).toEqual({
    reason: 'HPARefused',
    message: expect.stringContaining('must not exceed the quota of the team'),
  });
  const edited = deployment({ scaling: { maxReplicas: 2 } }, { generation: 2 });
  refuseWith = undefined;
  await keep(edited);
  expect(tries).toBe(2);
  expect(keeper.view(edited).trouble).toBeUndefined();
});

test('passes on what may go well the next time', async () => {
  refuseWith = answer(500, 'InternalError');
  await expect(keep()).rejects.toBe(refuseWith);
  expect(keeper.view(one).trouble).toBeUndefined();
});
