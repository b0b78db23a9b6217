import { execFile } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { TestProject } from 'vitest/node';
import { type Cluster, obstacles, openCluster } from '../../cluster/cluster.ts';
import { kubectl } from '../../fakes/kubectl.ts';
import { buildImages } from './harness/images.ts';

const volumes = join(tmpdir(), 'modelfleet-e2e-volumes');

/** Gives the suite a cluster with the images in it, or says why it cannot run. */
export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const missing = await missingHere();
  if (missing.length > 0) {
    console.warn(`The suite on a real cluster is skipped:\n${missing.map((line) => `  ${line}`).join('\n')}`);
    project.provide('kubeconfig', '');
    project.provide('clusterKind', '');
    return undefined;
  }
  const began = performance.now();
  const tell = (what: string) => console.log(`${((performance.now() - began) / 1000).toFixed(0)} s: ${what}`);
  const images = await buildImages();
  tell('images are built');
  const cluster = await openCluster();
  try {
    tell(`the cluster (${cluster.kind}) is up`);
    await cluster.load(images);
    if (cluster.kind === 'one-node') await offerVolumes(cluster);
    tell('images are loaded');
  } catch (error) {
    await cluster.close();
    throw error;
  }
  project.provide('kubeconfig', cluster.kubeconfig);
  project.provide('clusterKind', cluster.kind);
  return async () => {
    if (process.env.E2E_KEEP) return;
    await cluster.close();
    await rm(volumes, { recursive: true, force: true });
  };
}

async function missingHere(): Promise<readonly string[]> {
  const docker = await promisify(execFile)('docker', ['info'], { timeout: 20_000 }).then(
    () => [],
    () => ['The Docker engine does not answer: images cannot be built. Install docker.io and start dockerd.'],
  );
  const elsewhere = process.env.E2E_KUBECONFIG || process.env.E2E_CLUSTER;
  return [...docker, ...(elsewhere ? [] : await obstacles('one-node'))];
}

/** Local volumes under a default class: our node has no provisioner. */
async function offerVolumes(cluster: Cluster): Promise<void> {
  await rm(volumes, { recursive: true, force: true });
  const names = Array.from({ length: 12 }, (_, index) => `e2e-${index}`);
  for (const name of names) await mkdir(join(volumes, name), { recursive: true });
  const storageClass = {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: { name: 'e2e-local', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
    provisioner: 'kubernetes.io/no-provisioner',
    volumeBindingMode: 'WaitForFirstConsumer',
  };
  const onThisNode = {
    nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'Exists' }] }],
  };
  const items = [
    storageClass,
    ...names.map((name) => ({
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: { name },
      spec: {
        storageClassName: 'e2e-local',
        capacity: { storage: '2Gi' },
        accessModes: ['ReadWriteOnce', 'ReadWriteMany'],
        persistentVolumeReclaimPolicy: 'Retain',
        local: { path: join(volumes, name) },
        nodeAffinity: { required: onThisNode },
      },
    })),
  ];
  const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
  const { code, stderr } = await kubectl(cluster.kubeconfig, ['apply', '-f', '-'], { stdin: list });
  if (code !== 0) throw new Error(stderr);
}
