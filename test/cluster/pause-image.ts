import { createHash } from 'node:crypto';
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from './run.ts';

/** A name with a host of its own: containerd leaves it as it is. */
export const pauseImage = 'modelfleet.test/pause:1';

/** Writes the image of the container that keeps a pod's network. By hand: no engine and no registry is needed. Answers the archive's path. */
export async function writePauseImage(folder: string, pause: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  await copyFile(pause, join(folder, 'pause'));
  await run('tar', ['--owner=0', '--group=0', '--mode=0755', '-C', folder, '-cf', join(folder, 'layer.tar'), 'pause']);
  const digest = createHash('sha256')
    .update(await readFile(join(folder, 'layer.tar')))
    .digest('hex');
  const config = {
    architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
    os: 'linux',
    config: { Entrypoint: ['/pause'] },
    rootfs: { type: 'layers', diff_ids: [`sha256:${digest}`] },
  };
  const manifest = [{ Config: 'config.json', RepoTags: [pauseImage], Layers: ['layer.tar'] }];
  await writeFile(join(folder, 'config.json'), JSON.stringify(config));
  await writeFile(join(folder, 'manifest.json'), JSON.stringify(manifest));
  const archive = join(folder, 'pause.tar');
  await run('tar', ['-C', folder, '-cf', archive, 'manifest.json', 'config.json', 'layer.tar']);
  return archive;
}
