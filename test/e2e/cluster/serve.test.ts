import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../../../src/kube/testing/eventually.fake.ts';
import { startKubectl } from '../../fakes/kubectl.ts';
import { denials, now } from './harness/denials.ts';
import { apply, deployment, freshNamespace, isReady, kube, kubeconfig, onCluster, workers } from './harness/kube.ts';
import { smollm2 } from './harness/models.ts';
import { ensureInstalled } from './harness/release.ts';
import { Caller, claim, fileRequests, fillClaim, serveModelFile } from './harness/testbed.ts';

// A model as its owner meets it, in a namespace that enforces the restricted Pod Security Standard. The tests build on each other, in order.

const namespace = 'e2e-serve';
const fileBytes = 98_000_000;

onCluster('a model on a cluster', () => {
  let since: number;
  let url: string;
  let caller: Caller;

  beforeAll(async () => {
    since = await now();
    await ensureInstalled();
    await freshNamespace(namespace);
    url = await serveModelFile(namespace, 25_000_000);
    caller = await Caller.create(namespace, 'smollm2');
  }, 300_000);
  afterAll(() => kube(['delete', 'namespace', namespace, '--wait=false']));

  test('loads over HTTP with its progress in bytes, and can be called the moment it says Ready', { timeout: 180_000 }, async () => {
    const table = await startKubectl(kubeconfig, ['get', 'mdep', '-n', namespace, '-w']);
    const bytes = await startKubectl(kubeconfig, [
      ...['get', 'mdep', '-n', namespace, '-w', '-o'],
      'jsonpath={.status.loading.phase} {.status.loading.bytesDone} of {.status.loading.bytesTotal}{"\\n"}',
    ]);
    const outputs = Promise.all([text(table.stdout), text(bytes.stdout)]);
    const cache = { type: 'PersistentVolumeClaim', size: '1Gi' } as const;
    await apply(smollm2(namespace, 'smollm2', url, { cache }));
    await isReady(namespace, 'smollm2');

    const answer = await caller.chat();
    expect(answer).toMatchObject({ done: true });
    expect(answer.text.length).toBeGreaterThan(20);
    expect(answer.chunks).toBeGreaterThan(5);

    table.kill();
    bytes.kill();
    const [phases, progress] = await outputs;
    expect(phases).toMatch(
      /smollm2 +0\/1 +Loading +\d+% Fetching.*smollm2 +0\/1 +Loading +\d+% LoadingWeights.*smollm2 +1\/1 +Ready +100%/s,
    );
    const fetched = [...progress.matchAll(/^Fetching (\d+) of (\d+)$/gm)].map(([, done, total]) => [Number(done), Number(total)] as const);
    expect(new Set(fetched.map(([done]) => done)).size).toBeGreaterThan(2);
    for (const [done, total] of fetched) {
      expect(total).toBeGreaterThan(fileBytes);
      expect(done).toBeLessThanOrEqual(total);
    }
  });

  test('a second replica reads the cache that the first has filled', { timeout: 180_000 }, async () => {
    const before = await fileRequests(namespace);
    await kube(['scale', 'mdep/smollm2', '-n', namespace, '--replicas=2']);
    await kube(['wait', '--for=jsonpath={.status.readyReplicas}=2', 'mdep/smollm2', '-n', namespace, '--timeout=120s']);
    const after = (await fileRequests(namespace)).slice(before.length);
    expect(after.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(0);
    await kube(['delete', 'mdep', 'smollm2', '-n', namespace, '--timeout=60s']);
    await eventually(async () => expect(await workers(namespace, 'smollm2')).toEqual([]), 90_000);
  });

  test('reads a model from a claim', { timeout: 180_000 }, async () => {
    const before = await fileRequests(namespace);
    await claim(namespace, 'library');
    await fillClaim(namespace, 'library', 'smollm2/model.gguf');
    await apply(smollm2(namespace, 'smollm2', 'pvc://library/smollm2/model.gguf'));
    await isReady(namespace, 'smollm2');
    expect(await caller.chat()).toMatchObject({ done: true });
    expect((await deployment(namespace, 'smollm2')).status).toMatchObject({
      phase: 'Ready',
      readyReplicas: 1,
      models: ['smollm2', `${namespace}/smollm2`],
    });
    expect(await fileRequests(namespace)).toEqual(before);
  });

  test('no request of the controller or the gateway was forbidden', async () => {
    expect(await denials(since)).toEqual([]);
  });
});
