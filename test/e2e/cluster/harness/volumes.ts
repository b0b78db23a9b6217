import { execFile } from 'node:child_process';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Cluster } from '../../../cluster/cluster.ts';
import { kubectl } from '../../../fakes/kubectl.ts';

const run = promisify(execFile);
const folder = join(tmpdir(), 'modelfleet-e2e-volumes');
const tinyFolder = join(folder, 'tiny');
const defaultClass = 'e2e-local';
/** Class of a volume that is too small for the model: on our own node only. */
export const tinyClass = 'e2e-tiny';

/** Local volumes under a default class, and one with 20 MB: our node has no provisioner. */
export async function offerVolumes(cluster: Cluster): Promise<void> {
  await removeVolumes();
  const names = Array.from({ length: 12 }, (_, index) => `e2e-${index}`);
  for (const name of names) await mkdir(join(folder, name), { recursive: true });
  await mkdir(tinyFolder);
  await run('mount', ['-t', 'tmpfs', '-o', 'size=20m', 'modelfleet-e2e-tiny', tinyFolder]);
  const items = [
    storageClass(defaultClass, { 'storageclass.kubernetes.io/is-default-class': 'true' }),
    storageClass(tinyClass),
    ...names.map((name) => localVolume(name, defaultClass, join(folder, name))),
    localVolume(tinyClass, tinyClass, tinyFolder),
  ];
  const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
  const { code, stderr } = await kubectl(cluster.kubeconfig, ['apply', '-f', '-'], { stdin: list });
  if (code !== 0) throw new Error(stderr);
}

export async function removeVolumes(): Promise<void> {
  if ((await readFile('/proc/mounts', 'utf8')).includes(` ${tinyFolder} `)) await run('umount', [tinyFolder]);
  await rm(folder, { recursive: true, force: true });
}

function storageClass(name: string, annotations: Readonly<Record<string, string>> = {}): object {
  return {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: { name, annotations },
    provisioner: 'kubernetes.io/no-provisioner',
    volumeBindingMode: 'WaitForFirstConsumer',
  };
}

function localVolume(name: string, storageClassName: string, path: string): object {
  const anyNode = { nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'Exists' }] }] };
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name },
    spec: {
      storageClassName,
      capacity: { storage: '2Gi' },
      accessModes: ['ReadWriteOnce', 'ReadWriteMany'],
      persistentVolumeReclaimPolicy: 'Retain',
      local: { path },
      nodeAffinity: { required: anyNode },
    },
  };
}
