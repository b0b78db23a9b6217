import { join } from 'node:path';
import { binary } from './binaries.ts';
import { chooseCluster } from './choice.ts';
import type { Cluster } from './contract.ts';
import type { ControlPlaneTuning } from './control-plane.ts';
import { stateFolder } from './folders.ts';
import { loadImages } from './images.ts';
import { oneNodeKubeconfig, quickTuning, removeOneNode, startComponent, startOneNode, stopComponent } from './one-node.ts';
import { openExternal, openK3s } from './other-clusters.ts';
import { makeOwnedFolder, removeControlPlane, startControlPlaneIn } from './own-control-plane.ts';

export type { Cluster } from './contract.ts';
export { obstacles } from './obstacles.ts';

/** Opens the cluster that the environment asks for (see `chooseCluster`). Our own is a fresh one: an old one of ours is taken down first. */
export async function openCluster(): Promise<Cluster> {
  const choice = chooseCluster(process.env);
  if (choice.kind === 'external') return openExternal(choice.kubeconfig, console.log);
  if (choice.kind === 'k3s') return openK3s(choice.image);
  await startOneNode(quickTuning, console.log);
  const folder = stateFolder('one-node');
  return {
    kind: 'one-node',
    kubeconfig: oneNodeKubeconfig,
    load: async (images) => void (await loadImages(folder, images)),
    components: componentsOf(folder),
    close: async () => void (await removeOneNode()),
  };
}

/** Opens the cluster of E2E_KUBECONFIG, else a control plane of our own: on free ports, several at once, no root needed. */
export async function openControlPlane(tuning: ControlPlaneTuning = {}): Promise<Cluster> {
  const { E2E_KUBECONFIG: named } = process.env;
  if (named) return openExternal(named, console.log);
  // With a word when they have to be built first, for that takes minutes.
  await binary('kube-apiserver', console.log);
  const folder = await makeOwnedFolder();
  await startControlPlaneIn(folder, () => undefined, tuning);
  return {
    kind: 'control-plane',
    kubeconfig: join(folder, 'pki', 'admin.kubeconfig'),
    load: async () => {
      throw new Error('a control plane alone has no node to load images into');
    },
    components: componentsOf(folder),
    close: async () => void (await removeControlPlane(folder)),
  };
}

function componentsOf(folder: string): NonNullable<Cluster['components']> {
  return { stop: (component) => stopComponent(folder, component), start: (component) => startComponent(folder, component) };
}
