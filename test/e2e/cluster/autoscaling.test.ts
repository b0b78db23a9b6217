import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../../../src/kube/testing/eventually.fake.ts';
import { autoscalerSays, inSystem, requestsInSystem, scalingActive } from './harness/autoscaling.ts';
import { denials, now } from './harness/denials.ts';
import { apply, freshNamespace, isReady, kube, onCluster, ours, workers } from './harness/kube.ts';
import { smollm2 } from './harness/models.ts';
import { ensureInstalled } from './harness/release.ts';
import { Caller, modelfleet, type RunningStreams, serveModelFile } from './harness/testbed.ts';
import { Timeline } from './harness/timeline.ts';

// From none to the most replicas and back, by nothing but callers and the cluster's own autoscaler. The tests build on each other, in order.

const namespace = 'e2e-autoscaling';
const model = 'smollm2';
const maxReplicas = 3;
/** From the first request that waits to spec.replicas 1. */
const wakeMs = 1_000;
/** From a step in the load to what the autoscaler wants: what we take, and a period of the autoscaler of our cluster. */
const stepMs = 5_000 + 2_000;

const spec = {
  replicas: 0,
  cache: { type: 'PersistentVolumeClaim', size: '1Gi' },
  scaling: {
    minReplicas: 0,
    maxReplicas,
    targetRequestsPerReplica: 8,
    idleTimeout: '20s',
    behavior: { scaleDown: { stabilizationWindowSeconds: 5 } },
  },
  serving: {
    maxConcurrencyPerReplica: 8,
    holdTimeout: '3m',
    queueTimeout: '3m',
    firstTokenTimeout: '2m',
    idleStreamTimeout: '2m',
  },
} as const;

const explain = () => modelfleet('explain', `mdep/${model}`, '-n', namespace);

onCluster('a model that scales with its requests', () => {
  let since: number;
  let caller: Caller;
  let timeline: Timeline;
  let crowd: RunningStreams | undefined;

  beforeAll(async () => {
    since = await now();
    await ensureInstalled();
    await freshNamespace(namespace);
    const url = await serveModelFile(namespace, Number.MAX_SAFE_INTEGER);
    timeline = await Timeline.open(namespace, model);
    await apply(smollm2(namespace, model, url, spec));
    caller = await Caller.create(namespace, model);
  }, 300_000);
  afterAll(async () => {
    console.log(`The scaling of ${namespace}/${model}:\n${timeline?.print()}`);
    await timeline?.close();
    await kube(['delete', 'namespace', namespace, '--wait=false']);
  });

  test('sleeps until somebody calls, and says so', { timeout: 60_000 }, async () => {
    await eventually(() => expect(timeline.values('asleep').at(-1)).toBe('yes'), 30_000);
    await eventually(async () => expect(await scalingActive(namespace, model)).toMatchObject({ status: 'True', reason: 'Asleep' }), 30_000);
    expect(await workers(namespace, model)).toEqual([]);
    expect(await explain()).toMatch(/Next: the first request wakes it within a second/);
  });

  test('wakes within a second of the first request, which is answered once it is loaded', { timeout: 240_000 }, async () => {
    const answer = await caller.chat();
    timeline.tell('the first request is sent', answer.sentAt);
    timeline.tell('its answer begins', answer.sentAt + answer.firstByteMs);
    expect(answer).toMatchObject({ done: true });
    const woken = timeline.when('spec.replicas', 1, answer.sentAt);
    // The caller's clock is this one only where the cluster is.
    if (ours) expect((woken ?? Number.POSITIVE_INFINITY) - answer.sentAt).toBeLessThanOrEqual(wakeMs);
    expect(timeline.values('spec.replicas', answer.sentAt)).toEqual([0, 1]);
    await isReady(namespace, model);
  });

  test('grows to the most replicas for 64 callers', { timeout: 300_000 }, async () => {
    crowd = await caller.streams('crowd', 64);
    const running = crowd;
    let began = 0;
    await eventually(async () => {
      began = await running.began();
    }, 30_000);
    timeline.tell('64 callers begin', began);
    await eventually(() => expect(timeline.when('desired', maxReplicas, began)).toBeDefined(), 60_000);
    if (ours) expect((timeline.when('desired', maxReplicas, began) ?? 0) - began).toBeLessThanOrEqual(stepMs);
    await eventually(() => expect(timeline.values('spec.replicas').at(-1)).toBe(maxReplicas), 30_000);

    expect(await inSystem(namespace, model)).toBeGreaterThan(maxReplicas * 8);
    expect(await inSystem(namespace, model)).toBeLessThanOrEqual(64);
    expect(await autoscalerSays(namespace, model)).toMatchObject({
      AbleToScale: expect.stringMatching(/^True /),
      ScalingActive: 'True ValidMetricFound',
    });
    const describe = () => kube(['describe', 'hpa', model, '-n', namespace]);
    await eventually(async () => expect(await describe()).toContain(`${maxReplicas} current / ${maxReplicas} desired`), 30_000);
    const described = await describe();
    console.log(described);
    expect(described).toMatch(new RegExp(`Reference: +ModelDeployment/${model}`));
    expect(described).toContain(requestsInSystem);

    await kube(['wait', `--for=jsonpath={.status.readyReplicas}=${maxReplicas}`, `mdep/${model}`, '-n', namespace, '--timeout=180s']);
    const explained = await explain();
    console.log(explained);
    expect(explained).toMatch(/^ {2}modelfleet-gateway-\S+ +0s +\d+ requests/m);
    expect(explained).toContain(`spec.scaling.maxReplicas allows ${maxReplicas}`);
    await eventually(async () => expect(await scalingActive(namespace, model)).toMatchObject({ status: 'True' }), 30_000);
  });

  test('loses none of their calls, and sleeps again when they are gone', { timeout: 300_000 }, async () => {
    const report = await crowd?.stop();
    const silentFrom = Date.now();
    timeline.tell(`the callers are gone: ${report?.streams} streams, ${report?.failures.length} lost`, silentFrom);
    expect(report?.failures).toEqual([]);
    expect(report?.streams).toBeGreaterThan(64);
    await eventually(() => expect(timeline.when('asleep', 'yes', silentFrom)).toBeDefined(), 120_000);
    // Not before its time: the last of them was answered just before.
    expect((timeline.when('asleep', 'yes', silentFrom) ?? 0) - silentFrom).toBeGreaterThan(15_000);
    expect(timeline.values('spec.replicas').at(-1)).toBe(0);
    await eventually(async () => expect(await workers(namespace, model)).toEqual([]), 90_000);
  });

  test('stays at zero when it was set there by hand, and refuses calls at once', { timeout: 240_000 }, async () => {
    await kube(['scale', `mdep/${model}`, '-n', namespace, '--replicas=1']);
    await eventually(() => expect(timeline.values('asleep').at(-1)).toBe('no'), 20_000);
    await kube(['scale', `mdep/${model}`, '-n', namespace, '--replicas=0']);
    await eventually(
      async () => expect(await scalingActive(namespace, model)).toMatchObject({ status: 'False', reason: 'ScaledToZeroByHand' }),
      30_000,
    );
    await expect(caller.chat()).rejects.toThrow(/503: .*model_unavailable/s);
    expect(timeline.values('spec.replicas').at(-1)).toBe(0);
    expect(await explain()).toContain(`kubectl scale mdep ${model} -n ${namespace} --replicas=1`);
  });

  test('no request of the controller or the gateway was forbidden', async () => {
    expect(await denials(since)).toEqual([]);
  });
});
