import { beforeEach, expect, test } from 'vitest';
import { resolveSpec } from '../../src/api/model-deployment.ts';
import { FakeClock } from '../../src/core/fake-clock.ts';
import { ChildWriter, type ChildWriterOptions } from './child-writer.ts';
import { type PodDisruptionBudget, planBudget, podDisruptionBudgets } from './disruption-budget.ts';
import { deployment, t0 } from './testing/makers.fake.ts';
import { answer } from './testing/server.fake.ts';

const two = deployment({ replicas: 2 });

let clock: FakeClock;
let stored: PodDisruptionBudget | undefined;
/** What the server makes of what it is told. */
let mutate: (budget: PodDisruptionBudget) => PodDisruptionBudget;
let log: string[];
let version: number;
let writer: ChildWriter<PodDisruptionBudget>;

beforeEach(() => {
  clock = new FakeClock(t0);
  stored = undefined;
  mutate = (budget) => budget;
  log = [];
  version = 1;
  const client = {
    get: async () => stored ?? Promise.reject(answer(404, 'NotFound')),
    create: async (_: unknown, draft: PodDisruptionBudget) => {
      log.push('create');
      if (stored) throw answer(409, 'AlreadyExists');
      return put(draft);
    },
    mergePatch: async (_: unknown, __: unknown, { spec }: PodDisruptionBudget) => {
      log.push('patch');
      if (!stored) throw answer(404, 'NotFound');
      return put({ ...stored, ...(spec && { spec }) });
    },
    delete: async () => {
      log.push('delete');
      stored = undefined;
    },
  } as unknown as ChildWriterOptions<PodDisruptionBudget>['client'];
  const taken = { reason: 'Taken', message: (name: string) => `${name} is taken` };
  const children = { get: () => (stored?.metadata.labels?.['app.kubernetes.io/managed-by'] === 'modelfleet' ? stored : undefined) };
  const events = { event: (_: unknown, type: string, reason: string) => void log.push(`${type} ${reason}`) };
  writer = new ChildWriter({ client, type: podDisruptionBudgets, children, plan: planBudget, taken, events, clock });
});

function put(budget: PodDisruptionBudget): PodDisruptionBudget {
  version += 1;
  const metadata = { ...budget.metadata, uid: 'uid-budget', resourceVersion: String(version) };
  stored = mutate({ ...budget, apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', metadata });
  return stored;
}

const keep = () => writer.keep(two, resolveSpec(two), new AbortController().signal);
const spoil = () => {
  if (stored) put({ ...stored, spec: { ...stored.spec, maxUnavailable: 3 } });
};

test('makes one, puts it right when somebody changed it, and rests between two corrections', async () => {
  await keep();
  await keep();
  spoil();
  await keep();
  expect(stored?.spec?.maxUnavailable).toBe(1);
  spoil();
  expect(await keep()).toBeLessThanOrEqual(10_000);
  expect(log).toEqual(['create', 'patch']);
  await clock.advance(10_000);
  await keep();
  expect(log).toEqual(['create', 'patch', 'patch']);
});

test('does not ask again and again for what the server keeps otherwise', async () => {
  mutate = (budget) => ({ ...budget, spec: { ...budget.spec, maxUnavailable: 2 } });
  await keep();
  for (let round = 0; round < 5; round += 1) {
    await clock.advance(60_000);
    await keep();
    if (stored) put(stored); // its status changes
  }
  expect(log).toEqual(['create', 'patch']);
  mutate = (budget) => budget;
  spoil();
  await clock.advance(60_000);
  await keep();
  expect(stored?.spec?.maxUnavailable).toBe(1);
});

test("leaves somebody else's alone, tells it once, and takes its place when it is gone", async () => {
  put({ metadata: { name: 'qwen', namespace: 'models' } } as PodDisruptionBudget);
  await keep();
  expect(writer.isTaken('models/qwen')).toBe(true);
  await keep();
  expect(log).toEqual(['create', 'Warning Taken']);
  stored = undefined;
  await clock.advance(300_000);
  await keep();
  expect(log).toEqual(['create', 'Warning Taken', 'create']);
  expect(writer.isTaken('models/qwen')).toBe(false);
});
