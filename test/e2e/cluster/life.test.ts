import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ModelDeploymentSpec } from '../../../src/api/model-deployment.ts';
import { eventually } from '../../../src/kube/testing/eventually.fake.ts';
import { denials, now } from './harness/denials.ts';
import { apply, deployment, freshNamespace, isReady, kube, onCluster, ours, read, uids, workers } from './harness/kube.ts';
import { smollm2 } from './harness/models.ts';
import { signalEngine } from './harness/processes.ts';
import { ensureInstalled } from './harness/release.ts';
import { Caller, serveModelFile } from './harness/testbed.ts';
import { tinyClass } from './harness/volumes.ts';

// What goes wrong with models on a real node, and what is said of it. Each deployment has one trouble.

const namespace = 'e2e-life';

type Trouble = {
  readonly name: string;
  readonly spec: Partial<ModelDeploymentSpec> | ((url: string) => Partial<ModelDeploymentSpec>);
  readonly reason: string;
  /** What its owner must be told. */
  readonly words: RegExp;
  readonly needsOurNode?: boolean;
};

const troubles: readonly Trouble[] = [
  {
    name: 'wrong-image',
    spec: { engine: { image: 'modelfleet/no-such-image:1' } },
    reason: 'ImagePullFailed',
    words: /no-such-image.*pull secret/s,
  },
  {
    name: 'no-gpu',
    spec: { engine: { device: 'CUDA' }, resources: { gpu: { count: 1 } } },
    reason: 'Unschedulable',
    words: /Insufficient nvidia\.com\/gpu/,
  },
  {
    name: 'no-secret',
    spec: (url) => ({ model: { source: url, secretRef: { name: 'nowhere' } } }),
    reason: 'ReferenceNotFound',
    words: /secret "nowhere" not found/,
  },
  { name: 'not-there', spec: at('gone/model.gguf'), reason: 'SourceNotFound', words: /404.*spec\.model\.source/s },
  { name: 'unauthorized', spec: at('401/model.gguf'), reason: 'SourceUnauthorized', words: /401.*secretRef/s },
  { name: 'limited', spec: at('429/model.gguf'), reason: 'SourceRateLimited', words: /429/ },
  {
    name: 'no-host',
    spec: { model: { source: 'http://nowhere.invalid/model.gguf' } },
    reason: 'SourceUnreachable',
    words: /nowhere\.invalid/,
  },
  {
    name: 'other-bytes',
    spec: (url) => ({ model: { source: url, checksums: { 'model.gguf': `sha256:${'0'.repeat(64)}` } } }),
    reason: 'ChecksumMismatch',
    words: /sha256:0{8}.*checksums/s,
  },
  {
    name: 'small-disk',
    spec: { cache: { type: 'PersistentVolumeClaim', size: '1Gi', storageClassName: tinyClass } },
    reason: 'OutOfDisk',
    words: /98\.4 MB are needed.*expand the volume/s,
    needsOurNode: true,
  },
  { name: 'small-memory', spec: { resources: { limits: { memory: '160Mi' } } }, reason: 'HostOutOfMemory', words: /limits\.memory/ },
];

function at(path: string) {
  return (url: string) => ({ model: { source: url.replace('model.gguf', path) } });
}

onCluster('the life of a ModelDeployment', () => {
  let since: number;
  let url: string;

  beforeAll(async () => {
    since = await now();
    await ensureInstalled();
    await freshNamespace(namespace);
    url = await serveModelFile(namespace, Number.MAX_SAFE_INTEGER);
  }, 300_000);
  afterAll(() => kube(['delete', 'namespace', namespace, '--wait=false']));

  test.each(troubles.filter(({ needsOurNode }) => ours || !needsOurNode))(
    '$reason is told with the remedy ($name)',
    { timeout: 120_000 },
    async ({ name, spec, reason, words }) => {
      await apply(smollm2(namespace, name, url, typeof spec === 'function' ? spec(url) : spec));
      await eventually(async () => {
        const { status } = await deployment(namespace, name);
        expect(status?.conditions?.find(({ type }) => type === 'Ready')).toMatchObject({
          status: 'False',
          reason,
          message: expect.stringMatching(words),
        });
      }, 90_000);
      await eventually(async () => expect(await warnings(name)).toContain(reason), 20_000);
      expect((await warnings(name)).filter((one) => one === reason)).toHaveLength(1);
      await kube(['delete', 'mdep', name, '-n', namespace, '--timeout=60s']);
      expect(await workers(namespace, name)).toEqual([]);
    },
  );

  test('goes at once when it is deleted in the middle of its load', { timeout: 120_000 }, async () => {
    await apply(smollm2(namespace, 'half-loaded', url.replace('model.gguf', 'slow/model.gguf')));
    await eventually(
      async () => expect((await deployment(namespace, 'half-loaded')).status?.loading?.bytesDone).toBeGreaterThan(1e6),
      60_000,
    );
    await kube(['delete', 'mdep', 'half-loaded', '-n', namespace, '--timeout=30s']);
    await eventually(async () => expect(await workers(namespace, 'half-loaded')).toEqual([]), 30_000);
  });

  test.skipIf(!ours)('an engine that dies or hangs is told, started again, and serves again', { timeout: 240_000 }, async () => {
    await apply(smollm2(namespace, 'mortal', url, { health: { wedgeTimeout: '5s' } }));
    const caller = await Caller.create(namespace, 'mortal');
    await isReady(namespace, 'mortal');
    const [pod] = await workers(namespace, 'mortal');
    const name = pod?.metadata?.name ?? '';

    signalEngine(name, 'SIGKILL');
    await eventually(async () => expect(await warnings('mortal')).toContain('EngineCrashed'), 30_000);
    await isReady(namespace, 'mortal');
    expect(await caller.chat()).toMatchObject({ done: true });

    signalEngine(name, 'SIGSTOP');
    const hung = caller.chat().catch((error: unknown) => error);
    await eventually(async () => expect(await warnings('mortal')).toContain('EngineWedged'), 60_000);
    expect(await hung).toBeInstanceOf(Error);
    await isReady(namespace, 'mortal');
    expect(await caller.chat()).toMatchObject({ done: true });
    expect(uids(await workers(namespace, 'mortal'))).toEqual(uids(pod ? [pod] : []));
    await kube(['delete', 'mdep', 'mortal', '-n', namespace, '--timeout=60s']);
  });

  test('no request of the controller or the gateway was forbidden', async () => {
    expect(await denials(since)).toEqual([]);
  });
});

/** Reasons of the warnings about a deployment. */
async function warnings(name: string): Promise<readonly string[]> {
  type Events = { items: { reason: string }[] };
  const selector = `involvedObject.kind=ModelDeployment,involvedObject.name=${name},type=Warning`;
  const { items } = await read<Events>('events', '-n', namespace, '--field-selector', selector);
  return items.map(({ reason }) => reason);
}
