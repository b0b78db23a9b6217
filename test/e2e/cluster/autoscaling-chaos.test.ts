import type { Pod } from 'kubernetes-types/core/v1.js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { eventually } from '../../../src/kube/testing/eventually.fake.ts';
import { Chance } from '../../soak/chance.ts';
import { autoscalerSays, scalingActive } from './harness/autoscaling.ts';
import { denials, now } from './harness/denials.ts';
import { apply, freshNamespace, kube, onCluster, read } from './harness/kube.ts';
import { smollm2 } from './harness/models.ts';
import { ensureInstalled, killHard, system } from './harness/release.ts';
import { Caller, serveModelFile } from './harness/testbed.ts';
import { Timeline } from './harness/timeline.ts';

// What is not known is never taken for zero. The tests build on each other, in order; E2E_SEED makes the same choices again.

const namespace = 'e2e-autoscaling-chaos';
const model = 'smollm2';
const callers = 24;
const target = 12;
/** What so many callers need. One more is allowed, and must not come. */
const needed = Math.ceil(callers / target);
const idleTimeoutMs = 30_000;
const chaosMs = 45_000;
const seed = Number(process.env.E2E_SEED ?? Date.now() % 2 ** 31);

const spec = {
  replicas: 0,
  cache: { type: 'PersistentVolumeClaim', size: '1Gi' },
  scaling: {
    minReplicas: 0,
    maxReplicas: needed + 1,
    targetRequestsPerReplica: target,
    idleTimeout: `${idleTimeoutMs / 1000}s`,
    behavior: { scaleDown: { stabilizationWindowSeconds: 0 } },
  },
  serving: { maxConcurrencyPerReplica: 8, holdTimeout: '3m', queueTimeout: '3m', firstTokenTimeout: '2m', idleStreamTimeout: '2m' },
} as const;

/** What a caller meets whose gateway is gone in the middle of an answer, or was not yet missed by the Service. */
const brokenConnection = /fetch failed|terminated|other side closed|ECONNRE|the stream broke off/;

const selectors = {
  controller: 'app.kubernetes.io/component=controller',
  gateway: 'app.kubernetes.io/component=gateway',
} as const;
type Component = keyof typeof selectors;

onCluster('scaling while parts of the fleet are killed', () => {
  const chance = new Chance(seed);
  let since: number;
  let caller: Caller;
  let timeline: Timeline;

  beforeAll(async () => {
    console.log(`E2E_SEED=${seed}`);
    since = await now();
    await ensureInstalled();
    await freshNamespace(namespace);
    const url = await serveModelFile(namespace, Number.MAX_SAFE_INTEGER);
    timeline = await Timeline.open(namespace, model);
    await apply(smollm2(namespace, model, url, spec));
    caller = await Caller.create(namespace, model);
    await eventually(() => expect(timeline.values('asleep').at(-1)).toBe('yes'), 60_000);
  }, 300_000);
  afterAll(async () => {
    console.log(`The scaling of ${namespace}/${model} (E2E_SEED=${seed}):\n${timeline?.print()}`);
    await timeline?.close();
    await kube(['scale', 'deployment/modelfleet-gateway', '-n', system, '--replicas=2']);
    await rolledOut('gateway');
    await kube(['delete', 'namespace', namespace, '--wait=false']);
  }, 120_000);

  test('gateways go and controllers crash during the ramp: no wrong number, no call lost', { timeout: 480_000 }, async () => {
    const startedAt = Date.now();
    const crowd = await caller.streams('crowd', callers);
    timeline.tell(`${callers} callers begin`, startedAt);
    while (Date.now() - startedAt < chaosMs) {
      // Between one trouble and the next: nothing can be waited for.
      await systemClock.sleep(chance.whole(2_000, 8_000));
      if (chance.next() < 0.5) await crash(await anyOf('controller'));
      else await retire(await anyOf('gateway'));
    }
    for (const component of ['controller', 'gateway'] as const) await rolledOut(component);
    await eventually(() => expect(timeline.values('spec.replicas').at(-1)).toBe(needed), 60_000);
    const numbers = timeline.values('spec.replicas', startedAt);

    const report = await crowd.stop();
    timeline.tell(`the callers are gone: ${report.streams} streams, ${report.failures.length} lost`);
    expect(report.failures).toEqual([]);
    expect(report.streams).toBeGreaterThan(callers);
    expect(numbers).toEqual([0, 1, needed]);
  });

  test('a gateway that crashes changes no replicas, and takes no calls but those that it had', { timeout: 240_000 }, async () => {
    const crowd = await caller.streams('second-crowd', callers);
    await eventually(() => expect(timeline.values('spec.replicas').at(-1)).toBe(needed), 120_000);
    const [crashedAt, pod] = [Date.now(), await anyOf('gateway')];
    timeline.tell(`gateway ${pod} is killed`, crashedAt);
    await killHard(pod);
    await eventually(async () => expect(await restarted(pod, crashedAt)).toBe(true), 60_000);
    await rolledOut('gateway');
    const numbers = timeline.values('spec.replicas', crashedAt);

    const report = await crowd.stop();
    timeline.tell(`the callers are gone: ${report.streams} streams, ${report.failures.length} lost`);
    expect(report.failures.filter((failure) => !brokenConnection.test(failure))).toEqual([]);
    // Its callers came back through the other one: counted there, and no longer at the one that they left.
    expect(numbers).toEqual([needed]);
  });

  test('without any gateway the replicas stay, and it is said why; with them again it sleeps in its time', {
    timeout: 300_000,
  }, async () => {
    await caller.chat();
    const goneAt = Date.now();
    timeline.tell('all gateways go', goneAt);
    await kube(['scale', 'deployment/modelfleet-gateway', '-n', system, '--replicas=0']);
    await eventually(
      async () => expect(await autoscalerSays(namespace, model)).toMatchObject({ ScalingActive: 'False FailedGetExternalMetric' }),
      90_000,
    );
    // The last good value is held that long: had silence been taken for zero, it would sleep by now.
    expect(Date.now() - goneAt).toBeGreaterThan(idleTimeoutMs);
    expect(timeline.values('asleep', goneAt)).toEqual(['no']);
    expect(timeline.values('spec.replicas').at(-1)).toBeGreaterThanOrEqual(1);
    await eventually(
      async () => expect(await scalingActive(namespace, model)).toMatchObject({ status: 'False', reason: 'FailedGetExternalMetric' }),
      30_000,
    );

    await kube(['scale', 'deployment/modelfleet-gateway', '-n', system, '--replicas=2']);
    await rolledOut('gateway');
    const backAt = Date.now();
    timeline.tell('they are back', backAt);
    await eventually(
      async () => expect(await autoscalerSays(namespace, model)).toMatchObject({ ScalingActive: 'True ValidMetricFound' }),
      30_000,
    );
    await eventually(() => expect(timeline.when('asleep', 'yes', backAt)).toBeDefined(), 90_000);
    expect((timeline.when('asleep', 'yes', backAt) ?? 0) - backAt).toBeGreaterThan(idleTimeoutMs - 10_000);
  });

  test('no request of the controller or the gateway was forbidden', async () => {
    expect(await denials(since)).toEqual([]);
  });

  /** As an upgrade or a drain of its node takes a gateway away: it ends what it has begun. */
  async function retire(pod: string): Promise<void> {
    // Callers need one that serves: a second goes when the first has its successor.
    await rolledOut('gateway');
    timeline.tell(`gateway ${pod} is asked to go`);
    await kube(['delete', 'pod', pod, '-n', system, '--wait=false']);
  }

  async function crash(pod: string): Promise<void> {
    timeline.tell(`controller ${pod} is killed`);
    await killHard(pod);
    // Another takes its place at once: the same one would wait longer after each crash.
    await kube(['delete', 'pod', pod, '-n', system, '--grace-period=0', '--force', '--ignore-not-found']);
  }

  async function anyOf(component: Component): Promise<string> {
    const { items } = await read<{ items: Pod[] }>('pods', '-n', system, '-l', selectors[component]);
    const there = items.filter(({ metadata }) => metadata?.deletionTimestamp === undefined).map(({ metadata }) => metadata?.name ?? '');
    return chance.pick(there.sort());
  }
});

/** Whether the container of a pod was started again after an instant. */
async function restarted(pod: string, since: number): Promise<boolean> {
  const { status } = await read<Pod>('pod', pod, '-n', system);
  return Date.parse(String(status?.containerStatuses?.[0]?.state?.running?.startedAt)) >= since - 1_000;
}

async function rolledOut(component: Component): Promise<void> {
  await kube(['rollout', 'status', `deployment/modelfleet-${component}`, '-n', system, '--timeout=90s']);
}
