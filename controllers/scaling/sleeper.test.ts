import { beforeEach, expect, test } from 'vitest';
import { type ModelDeployment, type ModelDeploymentSpec, resolveSpec } from '../../src/api/model-deployment.ts';
import { annotations } from '../../src/api/resources.ts';
import { FakeClock } from '../../src/core/fake-clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { demandFor } from '../demand/demand.ts';
import type { Replica } from '../modeldeployment/replica.ts';
import { deployment, loaded, t0 } from '../modeldeployment/testing/makers.fake.ts';
import { answer } from '../modeldeployment/testing/server.fake.ts';
import { Sleeper, type SleeperOptions } from './sleeper.ts';

const scaling = { minReplicas: 0, maxReplicas: 4, idleTimeout: '10m' };

let patches: unknown[];
let told: string[];
let counted: string[];
let held: number;
let refuseWith: Error | undefined;
let sleeper: Sleeper;
let since: number;

beforeEach(() => {
  patches = [];
  told = [];
  counted = [];
  held = 0;
  refuseWith = undefined;
  since = t0 - 600_000;
  const demand = (model: string) =>
    demandFor(model, [{ ready: true, since: t0, heardAt: t0, models: new Map([[model, { held, queued: 0, running: 0 }]]) }], t0);
  const client = {
    mergePatch: async (_: unknown, __: unknown, patch: unknown) => {
      if (refuseWith) throw refuseWith;
      patches.push(patch);
    },
  } as unknown as SleeperOptions['client'];
  sleeper = new Sleeper({
    client,
    demand: { of: demand },
    silence: { since: () => since, isSilent: () => held === 0, forget: () => {} },
    events: { event: (_, type, reason, message) => void told.push(`${type} ${reason}: ${message}`) },
    metrics: {
      woke: (model: string) => void counted.push(`woke ${model}`),
      slept: (model: string) => void counted.push(`slept ${model}`),
      forget: () => {},
    } as unknown as NonNullable<SleeperOptions['metrics']>,
    clock: new FakeClock(t0),
  });
});

const asleep = (spec: Partial<ModelDeploymentSpec> = {}) => ({
  ...deployment({ replicas: 0, scaling, ...spec }, { annotations: { [annotations.asleep]: '2025-12-31T00:00:00Z' } }),
  status: { observedGeneration: 1 },
});
const awake = () => ({ ...deployment({ replicas: 3, scaling }), status: { observedGeneration: 1 } });

function turn(of: ModelDeployment, replicas: readonly Replica[] = [], ending = false) {
  const acceptance = { accepted: true, spec: resolveSpec(of) } as const;
  return sleeper.turn({ deployment: of, ending, acceptance, replicas }, silentLogger, new AbortController().signal);
}

test('puts to sleep by one write on the version that was seen, and tells why', async () => {
  expect(await turn(awake(), [loaded()])).toEqual({ written: true });
  expect(patches).toEqual([
    {
      metadata: { uid: 'uid-qwen', resourceVersion: '1', annotations: { [annotations.asleep]: '2026-01-01T00:00:00Z' } },
      spec: { replicas: 0 },
    },
  ]);
  expect(told).toEqual(['Normal PutToSleep: No request for 10m and nothing loads: from 3 replicas to none. The next request wakes it.']);
  expect(counted).toEqual(['slept models/qwen']);
});

test('wakes to one replica, and tells why', async () => {
  held = 3;
  expect(await turn(asleep())).toEqual({ written: true });
  expect(patches).toEqual([
    { metadata: { uid: 'uid-qwen', resourceVersion: '1', annotations: { [annotations.asleep]: null } }, spec: { replicas: 1 } },
  ]);
  expect(told).toEqual(['Normal Woken: 3 requests wait at the gateway: from no replica to 1.']);
  expect(counted).toEqual(['woke models/qwen']);
});

test('tells nothing that was not written', async () => {
  held = 1;
  refuseWith = answer(409, 'Conflict');
  await expect(turn(asleep())).rejects.toBe(refuseWith);
  refuseWith = answer(404, 'NotFound');
  expect(await turn(asleep())).toEqual({ written: true }); // it is gone: the cache will tell
  expect([told, counted]).toEqual([[], []]);
});

test('never writes a number of replicas that the autoscaler decides', async () => {
  since = t0;
  await turn(awake(), [loaded()]);
  held = 50;
  await turn(awake(), [loaded()]);
  await turn({ ...awake(), metadata: asleep().metadata }, [loaded()]);
  expect(patches).toEqual([{ metadata: { uid: 'uid-qwen', resourceVersion: '1', annotations: { [annotations.asleep]: null } } }]);
});

test('leaves alone what ends, and what cannot be run', async () => {
  held = 1;
  expect(await turn(asleep(), [], true)).toEqual({ written: false });
  const acceptance = { accepted: false, reason: 'InvalidSpec', message: 'no' } as const;
  const seen = { deployment: asleep(), ending: false, acceptance, replicas: [] };
  expect(await sleeper.turn(seen, silentLogger, new AbortController().signal)).toEqual({ written: false });
  expect(patches).toEqual([]);
});
