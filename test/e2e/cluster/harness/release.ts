import { join } from 'node:path';
import { helm } from '../../../fakes/helm.ts';
import { freshNamespace, kube, kubeconfig, ours } from './kube.ts';
import { processesOf } from './processes.ts';

export const system = 'modelfleet-system';
export const release = 'modelfleet';
export const gatewayUrl = `http://modelfleet-gateway.${system}.svc`;
export const chart = join(import.meta.dirname, '../../../../charts/modelfleet');

/** What helm printed. Throws with its complaint when it fails. */
export async function runHelm(...args: readonly string[]): Promise<string> {
  const { stdout, stderr, code } = await helm(kubeconfig, args);
  if (code !== 0) throw new Error(`helm ${args.join(' ')}: ${stderr || stdout}`);
  return stdout + stderr;
}

/** Makes sure that the chart runs as a user would install it; quick when it does. */
export async function ensureInstalled(): Promise<string> {
  const installed = await helm(kubeconfig, ['status', release, '-n', system]);
  if (installed.code === 0 && installed.stdout.includes('STATUS: deployed')) return installed.stdout;
  await freshNamespace(system);
  return await runHelm('install', release, chart, '-n', system, '--wait', '--timeout', '3m');
}

/** The pod that holds the lease. */
export async function leader(): Promise<string> {
  const holder = await kube(['get', 'lease', 'modelfleet-controller', '-n', system, '-o', 'jsonpath={.spec.holderIdentity}']);
  return holder.slice(0, holder.lastIndexOf('_'));
}

/** Ends a pod of the release as a crash of its machine would: with no chance to say goodbye. */
export async function killHard(pod: string): Promise<void> {
  if (!ours) {
    await kube(['delete', 'pod', pod, '-n', system, '--grace-period=0', '--force']);
    return;
  }
  for (const { pid } of processesOf(pod)) process.kill(pid, 'SIGKILL');
}
