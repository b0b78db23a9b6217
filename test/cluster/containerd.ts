import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { nodePods } from './addresses.ts';
import { binary, type Tell } from './binaries.ts';
import { socketsFolder } from './folders.ts';
import { pauseImage, writePauseImage } from './pause-image.ts';
import type { Processes } from './processes.ts';
import { run } from './run.ts';
import { waitUntil } from './wait.ts';

export const containerdSocket = join(socketsFolder, 'containerd.sock');

/** Where distributions put the network plugins: Debian first, then where the plugins' own archive goes. */
export function findCniPlugins(): string | undefined {
  return ['/usr/lib/cni', '/opt/cni/bin', '/usr/libexec/cni'].find((folder) => existsSync(join(folder, 'ptp')));
}

/** Runs containerd's own client in the namespace of Kubernetes. */
export function ctr(args: readonly string[], timeoutMs = 120_000): Promise<string> {
  return run('ctr', ['--address', containerdSocket, '--namespace', 'k8s.io', ...args], { timeoutMs });
}

/** Starts the container runtime with the pod network and the one image that every pod needs. */
export async function startContainerd(processes: Processes, folder: string, tell: Tell): Promise<void> {
  const cni = join(folder, 'cni');
  await Promise.all([mkdir(cni, { recursive: true }), mkdir(socketsFolder, { recursive: true })]);
  await writeFile(join(cni, '10-ptp.conflist'), JSON.stringify(network(folder), undefined, 2));
  const config = join(folder, 'containerd.toml');
  await writeFile(config, containerdConfig(folder, cni));
  await processes.start({ name: 'containerd', program: 'containerd', args: ['--config', config] });
  const archive = await writePauseImage(join(folder, 'pause'), await binary('pause', tell));
  await waitUntil('containerd', { processes, name: 'containerd' }, async () => Boolean(await ctr(['version'], 5_000)));
  await ctr(['images', 'import', archive]);
}

/**
 * Each pod has a link of its own to the host, so that all its traffic is routed. On a bridge, an answer from a pod to its neighbour
 * would pass by the services' address translation wherever the kernel does not filter bridged packets.
 */
function network(folder: string): unknown {
  return {
    cniVersion: '0.4.0',
    name: 'modelfleet-test',
    plugins: [
      {
        type: 'ptp',
        ipMasq: true,
        ipam: {
          type: 'host-local',
          dataDir: join(folder, 'cni', 'addresses'),
          ranges: [[{ subnet: nodePods }]],
          routes: [{ dst: '0.0.0.0/0' }],
        },
      },
    ],
  };
}

function containerdConfig(folder: string, cni: string): string {
  const text = JSON.stringify;
  // restrict_oom_score_adj: without CAP_SYS_RESOURCE runc cannot lower the score, and every sandbox would fail.
  return `version = 2
root = ${text(join(folder, 'containerd'))}
state = ${text(socketsFolder)}
[grpc]
  address = ${text(containerdSocket)}
[plugins."io.containerd.internal.v1.opt"]
  path = ${text(join(folder, 'opt'))}
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = ${text(pauseImage)}
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = ${text(findCniPlugins() ?? '/usr/lib/cni')}
    conf_dir = ${text(cni)}
`;
}
