import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Tell } from './binaries.ts';
import { imageRoute } from './choice.ts';
import type { Cluster } from './contract.ts';
import { currentContext } from './kubeconfig.ts';
import { run } from './run.ts';

const loadTimeoutMs = 600_000;

/** A cluster that is there already. It is used as it is, and left as it is. */
export async function openExternal(kubeconfig: string, tell: Tell): Promise<Cluster> {
  const route = imageRoute(currentContext(await readFile(kubeconfig, 'utf8')));
  return {
    kind: 'external',
    kubeconfig,
    async load(images) {
      if (route.tool === 'kind')
        await run('kind', ['load', 'docker-image', ...images, '--name', route.cluster], { timeoutMs: loadTimeoutMs });
      else if (route.tool === 'k3d')
        await run('k3d', ['image', 'import', ...images, '--cluster', route.cluster], { timeoutMs: loadTimeoutMs });
      else tell(`this cluster takes no images from here: it must be able to pull ${images.join(', ')}`);
    },
    close: async () => undefined,
  };
}

/** A k3s in a container of the local Docker engine. Needs an engine that can pull its image. */
export async function openK3s(image: string): Promise<Cluster> {
  // Loaded only when asked for: it brings a whole client of the Docker engine.
  const { K3sContainer } = await import('@testcontainers/k3s');
  const container = await new K3sContainer(image).withCommand(['server', '--disable=traefik', '--disable=metrics-server']).start();
  const folder = await mkdtemp(join(tmpdir(), 'modelfleet-k3s-'));
  const kubeconfig = join(folder, 'kubeconfig');
  await writeFile(kubeconfig, container.getKubeConfig(), { mode: 0o600 });
  return {
    kind: 'k3s',
    kubeconfig,
    async load(images) {
      const archive = join(folder, 'images.tar');
      await run('docker', ['save', '--output', archive, ...images], { timeoutMs: loadTimeoutMs });
      await container.copyFilesToContainer([{ source: archive, target: '/tmp/images.tar' }]);
      const { exitCode, output } = await container.exec(['ctr', '--namespace', 'k8s.io', 'images', 'import', '/tmp/images.tar']);
      if (exitCode !== 0) throw new Error(`the images could not be imported: ${output}`);
    },
    async close() {
      await container.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
