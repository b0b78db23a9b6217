import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../../../src/kube/testing/eventually.fake.ts';
import { denials, now } from './harness/denials.ts';
import { apply, deployment, freshNamespace, isReady, kube, onCluster, read, uids, workers } from './harness/kube.ts';
import { smollm2 } from './harness/models.ts';
import { ensureInstalled, system } from './harness/release.ts';
import { Caller, type RunningStreams, serveModelFile } from './harness/testbed.ts';

// Whatever happens to replicas on purpose, no stream breaks. The tests build on each other, in order.

const namespace = 'e2e-streams';
const model = 'smollm2';
const controllers = 'app.kubernetes.io/component=controller';

onCluster('fifty streams at once', () => {
  let since: number;
  let running: RunningStreams | undefined;

  beforeAll(async () => {
    since = await now();
    await ensureInstalled();
    await freshNamespace(namespace);
    const url = await serveModelFile(namespace, Number.MAX_SAFE_INTEGER);
    const serving = {
      maxConcurrencyPerReplica: 8,
      queueTimeout: '3m',
      holdTimeout: '3m',
      firstTokenTimeout: '2m',
      idleStreamTimeout: '2m',
    };
    await apply(smollm2(namespace, model, url, { cache: { type: 'PersistentVolumeClaim', size: '1Gi' }, replicas: 3, serving }));
    const caller = await Caller.create(namespace, model);
    await kube(['wait', '--for=jsonpath={.status.readyReplicas}=3', `mdep/${model}`, '-n', namespace, '--timeout=180s']);
    running = await caller.streams('streams', 50);
  }, 300_000);
  afterAll(() => kube(['delete', 'namespace', namespace, '--wait=false']));

  test('go on while all replicas are replaced and the controllers restart', { timeout: 300_000 }, async () => {
    const before = uids(await workers(namespace, model));
    await kube(['annotate', `mdep/${model}`, '-n', namespace, `modelfleet.dev/restartedAt=${new Date().toISOString()}`]);
    await eventually(async () => expect(uids(await workers(namespace, model))).not.toEqual(before), 60_000);
    await kube(['delete', 'pods', '-n', system, '-l', controllers, '--wait=false']);
    await eventually(async () => {
      const now = await workers(namespace, model);
      expect(now).toHaveLength(3);
      expect(uids(now).filter((uid) => before.includes(uid))).toEqual([]);
    }, 240_000);
    await isReady(namespace, model);
  });

  test('go on when a node is drained as far as the budget allows', { timeout: 180_000 }, async () => {
    const before = uids(await workers(namespace, model));
    const { items } = await read<{ items: { metadata: { name: string } }[] }>('nodes');
    const node = items[0]?.metadata.name ?? '';
    // The only node: what is evicted finds no other, so the budget holds the rest where it is.
    const selector = `modelfleet.dev/model=${model}`;
    const drained = kube(['drain', node, '--pod-selector', selector, '--delete-emptydir-data', '--ignore-daemonsets', '--timeout=40s']);
    await expect(drained).rejects.toThrow(/disruption budget/);
    expect((await workers(namespace, model)).filter(({ metadata }) => before.includes(metadata?.uid))).toHaveLength(2);
    await kube(['uncordon', node]);
    await kube(['wait', '--for=jsonpath={.status.readyReplicas}=3', `mdep/${model}`, '-n', namespace, '--timeout=120s']);
  });

  test('go on when two of three replicas go', { timeout: 240_000 }, async () => {
    await kube(['scale', `mdep/${model}`, '-n', namespace, '--replicas=1']);
    await eventually(async () => {
      type Pods = { items: unknown[] };
      const { items } = await read<Pods>('pods', '-n', namespace, '-l', `modelfleet.dev/model=${model}`);
      expect(items).toHaveLength(1);
    }, 180_000);
    expect((await deployment(namespace, model)).status).toMatchObject({ phase: 'Ready', replicas: 1 });
  });

  test('and none of them was lost', { timeout: 240_000 }, async () => {
    const report = await running?.stop();
    console.log(`${report?.streams} streams with ${report?.frames} events, ${report?.failures.length} lost`);
    expect(report?.failures).toEqual([]);
    expect(report?.streams).toBeGreaterThan(100);
  });

  test('no request of the controller or the gateway was forbidden', async () => {
    expect(await denials(since)).toEqual([]);
  });
});
