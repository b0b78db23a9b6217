import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bundle } from '../../images/stages/esbuild.ts';

/** A program as its image has it. */
export type ImageProgram = {
  /** Bundled: what strips types and loads modules one by one costs memory and start-up. */
  readonly program: string;
  /** What the image gives Node before the program. */
  readonly nodeFlags: readonly string[];
};

/** Bundles the program of an image into the folder. */
export async function bundleAsImage(image: 'controller' | 'gateway', folder: string): Promise<ImageProgram> {
  await bundle({ main: `images/${image}/main.ts` }, join(folder, 'program'), { splitting: true });
  return { program: join(folder, 'program', 'main.mjs'), nodeFlags: await nodeFlagsOf(image) };
}

async function nodeFlagsOf(image: string): Promise<readonly string[]> {
  const dockerfile = await readFile(`images/${image}/Dockerfile`, 'utf8');
  const entrypoint: unknown = JSON.parse(/^ENTRYPOINT (.*)$/m.exec(dockerfile)?.[1] ?? '[]');
  if (!Array.isArray(entrypoint)) throw new Error(`the ENTRYPOINT of images/${image}/Dockerfile is no list`);
  return entrypoint.map(String).filter((word) => word.startsWith('--'));
}
