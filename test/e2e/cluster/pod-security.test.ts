import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../../../src/kube/testing/eventually.fake.ts';
import { denials, now } from './harness/denials.ts';
import { currentVersion, workerImage } from './harness/images.ts';
import { apply, deployment, freshNamespace, isReady, kube, onCluster, read, workers } from './harness/kube.ts';
import { smollm2 } from './harness/models.ts';
import { ensureInstalled } from './harness/release.ts';
import { serveModelFile } from './harness/testbed.ts';

const namespace = 'e2e-restricted';

onCluster('a namespace that enforces the restricted Pod Security Standard', () => {
  let since: number;
  let url: string;

  beforeAll(async () => {
    since = await now();
    await ensureInstalled();
    await freshNamespace(namespace);
    url = await serveModelFile(namespace, Number.MAX_SAFE_INTEGER);
  }, 300_000);
  afterAll(async () => {
    await kube(['delete', 'namespace', namespace, '--wait=false']);
    await advertiseGpus(null);
  });

  test('admits and starts a pod with a GPU, which tells that the device is not there', { timeout: 120_000 }, async () => {
    await advertiseGpus('4');
    const gpu = { resources: { gpu: { resource: 'nvidia.com/gpu', count: 1 }, limits: { memory: '1Gi' }, sharedMemory: '64Mi' } };
    await apply(smollm2(namespace, 'on-gpu', url, { ...gpu, engine: { device: 'CUDA', image: workerImage(await currentVersion()) } }));
    await eventually(async () => {
      const { status } = await deployment(namespace, 'on-gpu');
      expect(status?.replicaStatuses?.[0]).toMatchObject({ reason: 'DeviceMissing' });
    }, 90_000);
    const [pod] = await workers(namespace, 'on-gpu');
    expect(pod?.spec?.containers[0]?.resources?.limits).toMatchObject({ 'nvidia.com/gpu': '1' });
    expect(pod?.status?.phase).toBe('Running');
    await kube(['delete', 'mdep', 'on-gpu', '-n', namespace, '--timeout=60s']);
  });

  test('a HostPath cache is refused in words until the namespace allows it', { timeout: 120_000 }, async () => {
    await apply(smollm2(namespace, 'on-host', url, { cache: { type: 'HostPath' } }));
    await kube(['wait', '--for=condition=Accepted=false', 'mdep/on-host', '-n', namespace, '--timeout=30s']);
    const { status } = await deployment(namespace, 'on-host');
    const accepted = status?.conditions?.find(({ type }) => type === 'Accepted');
    expect(accepted?.message).toMatch(/HostPath.*restricted/s);
    expect(await workers(namespace, 'on-host')).toEqual([]);

    await kube(['label', 'namespace', namespace, 'pod-security.kubernetes.io/enforce=privileged', '--overwrite']);
    await kube(['wait', '--for=condition=Accepted', 'mdep/on-host', '-n', namespace, '--timeout=30s']);
    await eventually(async () => expect(await workers(namespace, 'on-host')).toHaveLength(1), 20_000);
    await kube(['delete', 'mdep', 'on-host', '-n', namespace, '--timeout=60s']);
    await kube(['label', 'namespace', namespace, 'pod-security.kubernetes.io/enforce=restricted', '--overwrite']);
  });

  test('a CPU pod serves there', { timeout: 120_000 }, async () => {
    await apply(smollm2(namespace, 'on-cpu', url));
    await isReady(namespace, 'on-cpu');
  });

  test('no request of the controller or the gateway was forbidden', async () => {
    expect(await denials(since)).toEqual([]);
  });
});

/** Lets the first node offer GPUs, as a device plugin would; null takes them away. */
async function advertiseGpus(count: string | null): Promise<void> {
  const { items } = await read<{ items: { metadata: { name: string } }[] }>('nodes');
  const patch = { status: { capacity: { 'nvidia.com/gpu': count }, allocatable: { 'nvidia.com/gpu': count } } };
  const node = items[0]?.metadata.name ?? '';
  await kube(['patch', 'node', node, '--subresource=status', '--type=merge', '-p', JSON.stringify(patch)]);
}
