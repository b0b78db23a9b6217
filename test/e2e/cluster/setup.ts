import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { TestProject } from 'vitest/node';
import { obstacles, openCluster } from '../../cluster/cluster.ts';
import { buildImages } from './harness/images.ts';
import { offerVolumes, removeVolumes } from './harness/volumes.ts';

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
    await removeVolumes();
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
