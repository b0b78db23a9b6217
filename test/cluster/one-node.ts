import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { startNameServer, waitForNames } from './addons.ts';
import { apiPort, networks, nodeAddress } from './addresses.ts';
import { accessOf, isServing } from './admin-api.ts';
import { binary, type Tell } from './binaries.ts';
import { startContainerd } from './containerd.ts';
import { startControlPlane, waitForServiceAccounts } from './control-plane.ts';
import { socketsFolder, stateFolder } from './folders.ts';
import { prepareMachine, removeIfEmpty, restoreMachine, unmountBelow } from './footprint.ts';
import { startNode, waitForNode } from './node.ts';
import { Processes } from './processes.ts';
import { killContainers } from './shims.ts';
import { waitUntil } from './wait.ts';

/** How the autoscaler's patience is set. */
export type Tuning = { readonly hpaSync: string; readonly hpaDownscale: string };
export const quickTuning: Tuning = { hpaSync: '2s', hpaDownscale: '15s' };

const folder = stateFolder('one-node');

/** The administrator's kubeconfig of the machine's one-node cluster. */
export const oneNodeKubeconfig = join(folder, 'pki', 'admin.kubeconfig');

/** Starts the machine's one-node cluster; an old one is taken down first. A start that fails leaves nothing behind. */
export async function startOneNode(tuning: Tuning, tell: Tell): Promise<void> {
  // Before anything is touched: they may have to be built first.
  for (const name of ['kubelet', 'coredns', 'pause'] as const) await binary(name, tell);
  await removeOneNode();
  const processes = new Processes(folder);
  try {
    await prepareMachine(folder);
    const options = { folder, address: nodeAddress, port: apiPort, networks, ...tuning };
    const [access] = await Promise.all([startControlPlane(processes, options, tell), startContainerd(processes, folder, tell)]);
    const proxyHealth = await startNode(processes, folder, tell);
    await startNameServer(processes, folder, access, tell);
    await Promise.all([waitForNode(processes, access, proxyHealth), waitForServiceAccounts(processes, access), waitForNames(processes)]);
    tell('the node is ready and names resolve');
  } catch (error) {
    await removeOneNode();
    throw error;
  }
}

/** Takes the one-node cluster down and removes every trace of it. Answers whether there was one. */
export async function removeOneNode(): Promise<boolean> {
  if (!existsSync(folder)) return false;
  const processes = new Processes(folder);
  // The kubelet first: it would start containers again. Killed, because whatever they would still write goes anyway.
  const names = await processes.names();
  for (const name of ['kubelet', ...names.filter((name) => name !== 'kubelet')]) await processes.stop(name, 0);
  await killContainers();
  await unmountBelow([folder, socketsFolder]);
  await restoreMachine(folder);
  await Promise.all([folder, socketsFolder].map((path) => rm(path, { recursive: true, force: true })));
  await removeIfEmpty(dirname(folder));
  return true;
}

/** Stops a component of a cluster of ours as its service manager would. */
export async function stopComponent(folder: string, name: string): Promise<void> {
  await new Processes(folder).stop(name, 3_000);
}

/**
 * Starts a component again as it was; the API server and its store are waited for. So is the service by which pods reach the
 * API server: kube-proxy, whose watches back off by up to a minute, may have learnt of its end and not of its return.
 */
export async function startComponent(folder: string, name: string): Promise<void> {
  const processes = new Processes(folder);
  await processes.startAgain(name);
  if (name !== 'apiserver' && name !== 'etcd') return;
  const access = await accessOf(join(folder, 'pki', 'admin.kubeconfig'));
  if (!(await processes.isRunning('apiserver'))) return;
  await waitUntil('the API server', { processes, name: 'apiserver' }, () => isServing(access));
  if (await processes.isRunning('proxy')) {
    const reachable = () => accepts(networks.firstService, 443);
    await waitUntil('the service of the API server', { processes, name: 'proxy' }, reachable, 150_000);
  }
}

function accepts(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 1_000 }, () => settle(true));
    const settle = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.on('error', () => settle(false)).on('timeout', () => settle(false));
  });
}
