import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Argument, Command, InvalidArgumentError } from 'commander';
import { describeError } from '../../src/core/failure.ts';
import { accessOf } from './admin-api.ts';
import { components } from './contract.ts';
import { stateFolder } from './folders.ts';
import { loadImages } from './images.ts';
import { advertise } from './node.ts';
import { obstacles } from './obstacles.ts';
import { oneNodeKubeconfig, quickTuning, removeOneNode, startComponent, startOneNode, stopComponent, type Tuning } from './one-node.ts';
import { removeControlPlane, startControlPlaneIn } from './own-control-plane.ts';

const program = new Command('cluster').description('A real Kubernetes on this machine, for tests and for trying things out.');
const began = performance.now();
const tell = (line: string) => console.error(`${((performance.now() - began) / 1000).toFixed(1).padStart(5)} s  ${line}`);
const componentName = () => new Argument('<component>').choices(components);

program
  .command('up')
  .description('start a cluster; an old one is taken down first')
  .option('--control-plane', 'only etcd, API server and controller manager, on free ports; needs no root')
  .option('--hpa-sync <duration>', 'how often the HorizontalPodAutoscaler looks', quickTuning.hpaSync)
  .option('--hpa-downscale <duration>', 'how long it waits before it scales in', quickTuning.hpaDownscale)
  .action(async ({ controlPlane, ...tuning }: Tuning & { controlPlane?: boolean }) => {
    const kind = controlPlane ? 'control-plane' : 'one-node';
    const missing = await obstacles(kind);
    if (missing.length > 0) throw new Error(`No such cluster can be had here:\n${missing.map((line) => `  ${line}`).join('\n')}`);
    if (controlPlane) {
      await removeControlPlane(stateFolder(kind));
      await startControlPlaneIn(stateFolder(kind), tell);
    } else {
      await startOneNode(tuning, tell);
    }
    tell('up. To use it:');
    console.log(`export KUBECONFIG=${join(stateFolder(kind), 'pki', 'admin.kubeconfig')}`);
  });

program
  .command('down')
  .description('end what `up` started and remove every trace')
  .action(async () => {
    const there = [await removeOneNode(), await removeControlPlane(stateFolder('control-plane'))];
    tell(there.includes(true) ? 'down' : 'nothing was up');
  });

program
  .command('load')
  .description('copy images of the local Docker engine, or archives (*.tar), to the node')
  .argument('<image...>')
  .action(async (images: string[]) => {
    const copied = await loadImages(requireOneNode(), images);
    for (const image of images) tell(`${image}: ${copied.includes(image) ? 'copied' : 'there already'}`);
  });

program
  .command('stop')
  .description('stop one component, as its service manager would')
  .addArgument(componentName())
  .action((component: string) => stopComponent(running(), component));

program
  .command('start')
  .description('start a stopped component again')
  .addArgument(componentName())
  .action((component: string) => startComponent(running(), component));

program
  .command('advertise')
  .description('let the node offer an extended resource, such as nvidia.com/gpu')
  .argument('<resource>')
  .argument('<count>', 'how many; 0 takes it back', parseCount)
  .action(async (resource: string, count: number) => {
    requireOneNode();
    await advertise(await accessOf(oneNodeKubeconfig), resource, count);
  });

program
  .command('kubeconfig')
  .description('print the path of the administrator’s kubeconfig')
  .action(() => console.log(join(running(), 'pki', 'admin.kubeconfig')));

function requireOneNode(): string {
  if (!existsSync(oneNodeKubeconfig)) throw new Error('no node is up: start one with `npm run cluster:up`');
  return stateFolder('one-node');
}

/** The folder of the cluster that is up; the one with a node if both are. */
function running(): string {
  const folder = [stateFolder('one-node'), stateFolder('control-plane')].find((folder) =>
    existsSync(join(folder, 'pki', 'admin.kubeconfig')),
  );
  if (folder === undefined) throw new Error('no cluster is up: start one with `npm run cluster:up`');
  return folder;
}

function parseCount(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
  return Number(text);
}

try {
  await program.parseAsync();
} catch (error) {
  console.error(describeError(error));
  process.exitCode = 1;
}
