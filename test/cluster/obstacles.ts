import { constants, existsSync } from 'node:fs';
import { access } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { isBuilt, readyFolder } from './binaries.ts';
import { findCniPlugins } from './containerd.ts';
import { run } from './run.ts';

/** Programs of the system that a node is made of, with the Debian packages that bring them. */
const nodePrograms = {
  containerd: 'containerd',
  ctr: 'containerd',
  runc: 'runc',
  ip: 'iproute2',
  umount: 'mount',
  iptables: 'iptables',
  'iptables-save': 'iptables',
  'iptables-restore': 'iptables',
  tar: 'tar',
} as const;

/** The oldest Go that builds Kubernetes 1.35. */
const oldestGo = [1, 25] as const;

/** Why no such cluster can be had here, one line each with its remedy; empty when it can. */
export async function obstacles(kind: 'one-node' | 'control-plane'): Promise<readonly string[]> {
  if (process.platform !== 'linux')
    return ['Kubernetes runs on Linux only. Run the tests there, or set E2E_KUBECONFIG to a cluster elsewhere.'];
  return [...(kind === 'one-node' ? await nodeObstacles() : []), ...(await binaryObstacles())];
}

async function nodeObstacles(): Promise<readonly string[]> {
  const found: string[] = [];
  if (process.getuid?.() !== 0) found.push('A node needs root. Run as root, or set E2E_KUBECONFIG to a cluster that exists.');
  const missing = new Map<string, string>();
  for (const [program, debian] of Object.entries(nodePrograms)) if (!(await onPath(program))) missing.set(program, debian);
  const packages = new Set(missing.values());
  const lacking = [...missing.keys()];
  if (!findCniPlugins()) {
    lacking.push('the network plugins (ptp, host-local)');
    packages.add('containernetworking-plugins');
  }
  if (lacking.length > 0) found.push(`Missing: ${lacking.join(', ')}. apt-get install -y ${[...packages].join(' ')}`);
  return found;
}

async function binaryObstacles(): Promise<readonly string[]> {
  const ready = readyFolder();
  if (ready) {
    if (!existsSync(ready)) return [`MODELFLEET_KUBE_BIN names ${ready}, which does not exist. Correct it, or unset it to build with Go.`];
    if (existsSync(join(ready, 'kube.xz')) && !(await onPath('xz'))) return ['Missing: xz. apt-get install -y xz-utils'];
    return [];
  }
  if (await isBuilt()) return [];
  const remedy = `Install Go ${oldestGo.join('.')} or newer, or set MODELFLEET_KUBE_BIN to a folder with the programs.`;
  if (!(await onPath('go'))) return [`There are no Kubernetes programs, and no Go to build them. ${remedy}`];
  const version = (await run('go', ['env', 'GOVERSION'])).trim();
  return isOldGo(version) ? [`${version} cannot build Kubernetes. ${remedy}`] : [];
}

/** Whether a version as Go says it, such as `go1.24.3`, is too old. */
export function isOldGo(version: string): boolean {
  const [, major = '0', minor = '0'] = /go(\d+)\.(\d+)/.exec(version) ?? [];
  return Number(major) < oldestGo[0] || (Number(major) === oldestGo[0] && Number(minor) < oldestGo[1]);
}

async function onPath(program: string): Promise<boolean> {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    const found = await access(join(folder, program), constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found) return true;
  }
  return false;
}
