import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseDocument } from 'yaml';
import { eventually } from '../../../src/kube/testing/eventually.fake.ts';
import { denials, now } from './harness/denials.ts';
import { nextVersion } from './harness/images.ts';
import { apply, deployment, freshNamespace, isReady, kube, onCluster, read, uids, workers } from './harness/kube.ts';
import { smollm2 } from './harness/models.ts';
import { chart, ensureInstalled, release, runHelm, system } from './harness/release.ts';
import { Caller, restarts, serveModelFile } from './harness/testbed.ts';

const namespace = 'e2e-upgrade';
const model = 'smollm2';
const crd = 'modeldeployments.modelfleet.dev';
const workerSelector = `modelfleet.dev/model=${model}`;

onCluster('a release of the chart', () => {
  let since: number;
  let caller: Caller;
  let scratch: string;

  beforeAll(async () => {
    since = await now();
    await ensureInstalled();
    scratch = await mkdtemp(join(tmpdir(), 'modelfleet-e2e-'));
    await freshNamespace(namespace);
    const url = await serveModelFile(namespace, Number.MAX_SAFE_INTEGER);
    await apply(smollm2(namespace, model, url, { cache: { type: 'PersistentVolumeClaim', size: '1Gi' } }));
    caller = await Caller.create(namespace, model);
    await isReady(namespace, model);
  }, 300_000);
  afterAll(async () => {
    await kube(['delete', 'namespace', namespace, '--wait=false']);
    await rm(scratch, { recursive: true, force: true });
  });

  test('passes its own test', { timeout: 120_000 }, async () => {
    expect(await runHelm('test', release, '-n', system, '--timeout', '90s', '--logs')).toMatch(/Phase: +Succeeded/);
  });

  test('is upgraded to another CRD and other images while callers notice nothing and no worker restarts', {
    timeout: 300_000,
  }, async () => {
    const before = uids(await workers(namespace, model));
    const loop = await caller.loop('during-upgrade', 20);
    await runHelm('upgrade', release, await nextChart(scratch), '-n', system, '--wait', '--timeout', '4m');
    const report = await loop.stop();
    expect(report.failures).toEqual([]);
    expect(report.answered).toBeGreaterThan(100);

    type Deployments = { items: { spec: { template: { spec: { containers: { image: string }[] } } } }[] };
    const { items } = await read<Deployments>('deployments', '-n', system);
    expect(items.map(({ spec }) => spec.template.spec.containers[0]?.image).sort()).toEqual(
      ['controller', 'gateway'].map((name) => `modelfleet/${name}:${nextVersion}`),
    );
    expect(await kube(['get', 'crd', crd, '-o', 'yaml'])).toContain('nextRevisionOnly');
    expect(uids(await workers(namespace, model))).toEqual(before);
    expect(Object.values(await restarts(namespace, workerSelector))).toEqual([0]);
    await isReady(namespace, model);
  });

  test('no request of the controller or the gateway was forbidden', async () => {
    expect(await denials(since)).toEqual([]);
  });

  test('leaves models and their data when it is uninstalled, and says so', { timeout: 240_000 }, async () => {
    const before = uids(await workers(namespace, model));
    const words = await runHelm('uninstall', release, '-n', system, '--wait', '--timeout', '2m');
    expect(words).toMatch(/kept.*modeldeployments\.modelfleet\.dev/s);
    expect(await kube(['get', 'deployments', '-n', system])).toBe('');
    expect(uids(await workers(namespace, model))).toEqual(before);
    expect(await kube(['get', 'pvc', '-n', namespace, '-o', 'name'])).toContain(`${model}-cache`);

    await ensureInstalled();
    await isReady(namespace, model);
    // The node hears of the new Service a moment after its pods are ready.
    await eventually(async () => expect(await caller.chat()).toMatchObject({ done: true }), 30_000);
    expect(uids(await workers(namespace, model))).toEqual(before);
    expect((await deployment(namespace, model)).status?.phase).toBe('Ready');
  });
});

/** The chart as its next revision could be: another version, images of that version, and a CRD with one more field. */
async function nextChart(folder: string): Promise<string> {
  const next = join(folder, 'modelfleet');
  await cp(chart, next, { recursive: true });
  await edit(join(next, 'Chart.yaml'), (document) => {
    document.set('version', nextVersion);
    document.set('appVersion', nextVersion);
  });
  await edit(join(next, 'files/crds/modelfleet.dev_modeldeployments.yaml'), (document) => {
    const field = ['spec', 'versions', 0, 'schema', 'openAPIV3Schema', 'properties', 'spec', 'properties', 'nextRevisionOnly'];
    document.setIn(field, document.createNode({ type: 'string', description: 'A field of the next revision.' }));
  });
  return next;
}

async function edit(file: string, change: (document: ReturnType<typeof parseDocument>) => void): Promise<void> {
  const document = parseDocument(await readFile(file, 'utf8'));
  change(document);
  await writeFile(file, document.toString());
}
