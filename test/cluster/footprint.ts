import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { nodeAddress } from './addresses.ts';
import { admitPods, foreignChains, removeChains } from './iptables.ts';
import { run } from './run.ts';

/** What was on the machine before a node was started, so that afterwards everything else can go. */
type Footprint = {
  readonly paths: readonly string[];
  readonly networkNamespaces: readonly string[];
  readonly chains: readonly string[];
  readonly settings: Readonly<Record<string, string>>;
};

/** Folders with names fixed in the kubelet, containerd, runc and the network plugins. */
const fixedPaths = ['/var/lib/kubelet', '/var/lib/cni', '/var/log/containers', '/run/containerd/runc/k8s.io', '/run/runc/k8s.io'];
/** Folders around them, which may be in use by others. */
const sharedPaths = ['/run/containerd/runc', '/run/runc'];
/** Kernel settings that the node's programs change. */
const changedSettings = [
  'net/ipv4/ip_forward',
  'net/ipv4/conf/all/route_localnet',
  'vm/overcommit_memory',
  'vm/panic_on_oom',
  'kernel/panic',
  'kernel/panic_on_oops',
  'kernel/keys/root_maxkeys',
  'kernel/keys/root_maxbytes',
];
const networkNamespaces = '/run/netns';

/** Notes how the machine is, then gives it the node's address and lets pods' packets through. */
export async function prepareMachine(folder: string): Promise<void> {
  const settings: Record<string, string> = {};
  for (const name of changedSettings)
    if (existsSync(`/proc/sys/${name}`)) settings[name] = (await readFile(`/proc/sys/${name}`, 'utf8')).trim();
  const footprint: Footprint = {
    paths: [...fixedPaths, ...sharedPaths, ...(await podCgroups())].filter((path) => existsSync(path)),
    networkNamespaces: await entries(networkNamespaces),
    chains: await foreignChains(),
    settings,
  };
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'footprint.json'), JSON.stringify(footprint));
  await run('ip', ['address', 'replace', `${nodeAddress}/32`, 'dev', 'lo']);
  await writeFile('/proc/sys/net/ipv4/ip_forward', '1');
  await admitPods();
}

/** Undoes what the node's programs did to the machine. They must have ended. */
export async function restoreMachine(folder: string): Promise<void> {
  const path = join(folder, 'footprint.json');
  if (!existsSync(path)) return;
  const before = JSON.parse(await readFile(path, 'utf8')) as Footprint;
  // A pod's network device goes with its namespace.
  for (const name of await entries(networkNamespaces)) {
    if (name.startsWith('cni-') && !before.networkNamespaces.includes(name)) await run('ip', ['netns', 'delete', name]);
  }
  await unmountBelow(fixedPaths.filter((fixed) => !before.paths.includes(fixed)));
  for (const fixed of fixedPaths) if (!before.paths.includes(fixed)) await rm(fixed, { recursive: true, force: true });
  for (const shared of sharedPaths) if (!before.paths.includes(shared)) await removeIfEmpty(shared);
  for (const group of await podCgroups()) if (!before.paths.includes(group)) await removeCgroup(group);
  await removeChains(before.chains);
  for (const [name, value] of Object.entries(before.settings)) {
    if ((await readFile(`/proc/sys/${name}`, 'utf8')).trim() !== value) await writeFile(`/proc/sys/${name}`, value);
  }
  const held = await run('ip', ['-oneline', 'address', 'show', 'dev', 'lo']);
  if (held.includes(` ${nodeAddress}/32 `)) await run('ip', ['address', 'delete', `${nodeAddress}/32`, 'dev', 'lo']);
}

/** Unmounts everything below some folders, innermost first, and makes sure: removing a folder must never reach into a pod's volume. */
export async function unmountBelow(folders: readonly string[]): Promise<void> {
  const failures: unknown[] = [];
  for (const mount of await mountsBelow(folders)) {
    // A container that ends at the same time takes its mounts with it: what counts is what is left.
    await run('umount', ['--lazy', mount]).catch((error: unknown) => failures.push(error));
  }
  const left = await mountsBelow(folders);
  if (left.length > 0) throw new AggregateError(failures, `still mounted, unmount by hand: ${left.join(', ')}`);
}

async function mountsBelow(folders: readonly string[]): Promise<readonly string[]> {
  const mounts = (await readFile('/proc/self/mounts', 'utf8')).split('\n').map((line) => unescapeMount(line.split(' ')[1] ?? ''));
  return mounts.filter((mount) => folders.some((folder) => mount === folder || mount.startsWith(`${folder}/`))).reverse();
}

/** Spaces and their like stand in /proc/mounts as octal numbers. */
function unescapeMount(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

/** The kubelet's control groups: one tree, or one for each controller where the kernel has version 1. */
async function podCgroups(): Promise<readonly string[]> {
  const root = '/sys/fs/cgroup';
  const trees = [root, ...(await entries(root)).map((name) => join(root, name))];
  return trees.map((tree) => join(tree, 'kubepods')).filter((path) => existsSync(path));
}

async function removeCgroup(path: string): Promise<void> {
  for (const entry of await readdir(path, { withFileTypes: true })) if (entry.isDirectory()) await removeCgroup(join(path, entry.name));
  await rmdir(path);
}

/** Removes a folder unless somebody else has something in it. */
export async function removeIfEmpty(folder: string): Promise<void> {
  if (existsSync(folder) && (await readdir(folder)).length === 0) await rmdir(folder);
}

async function entries(folder: string): Promise<readonly string[]> {
  return existsSync(folder) ? readdir(folder) : [];
}
