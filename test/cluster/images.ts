import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { containerdSocket, ctr } from './containerd.ts';
import { run } from './run.ts';

/** Reads the ids of images in the local Docker engine. Fails when one is missing. */
async function dockerImageIds(images: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const output = await run('docker', ['image', 'inspect', '--format', '{{.Id}}', ...images]);
  const ids = output.trim().split('\n');
  return new Map(images.map((image, index) => [image, ids[index] ?? '']));
}

/** Which images the node lacks, or has as they were before. */
export function missingImages(wanted: ReadonlyMap<string, string>, loaded: Readonly<Record<string, string>>): readonly string[] {
  return [...wanted].filter(([image, id]) => loaded[image] !== id).map(([image]) => image);
}

/** Names that end in .tar are archives, the rest images of the local Docker engine. */
export function splitArchives(names: readonly string[]): { readonly archives: readonly string[]; readonly images: readonly string[] } {
  const isArchive = (name: string) => name.endsWith('.tar');
  return { archives: names.filter(isArchive), images: names.filter((name) => !isArchive(name)) };
}

/** Copies images to the node; those that it has already are passed over. Answers the names that were copied. */
export async function loadImages(folder: string, names: readonly string[]): Promise<readonly string[]> {
  const { archives, images } = splitArchives(names);
  for (const archive of archives) await ctr(['images', 'import', archive], 600_000);
  if (images.length === 0) return archives;
  const notes = join(folder, 'images.json');
  const loaded: Record<string, string> = existsSync(notes) ? JSON.parse(await readFile(notes, 'utf8')) : {};
  const wanted = await dockerImageIds(images);
  const missing = missingImages(wanted, loaded);
  if (missing.length > 0) {
    await copy(missing);
    await writeFile(notes, JSON.stringify({ ...loaded, ...Object.fromEntries(missing.map((image) => [image, wanted.get(image)])) }));
  }
  return [...archives, ...missing];
}

/** One stream for all: what images share travels once. */
async function copy(images: readonly string[]): Promise<void> {
  const save = startStep('docker', ['save', ...images]);
  const load = startStep('ctr', ['--address', containerdSocket, '--namespace', 'k8s.io', 'images', 'import', '-']);
  load.stdout.resume();
  const limit = setTimeout(() => [save, load].map((step) => step.kill('SIGKILL')), 600_000);
  try {
    // When one of them ends early, its own words say why, not the broken pipe.
    const piped = pipeline(save.stdout, load.stdin).catch((error: unknown) => error);
    const ends = await Promise.allSettled([endOf(save), endOf(load)]);
    const failures = ends.filter((end) => end.status === 'rejected').map((end) => String(end.reason));
    if (failures.length > 0) throw new Error(failures.join('\n'));
    const broken = await piped;
    if (broken instanceof Error) throw broken;
  } finally {
    clearTimeout(limit);
  }
}

function startStep(program: string, args: readonly string[]): ChildProcessWithoutNullStreams {
  return spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
}

async function endOf(step: ChildProcessWithoutNullStreams): Promise<void> {
  const [words, code] = await Promise.all([
    text(step.stderr),
    new Promise<number | null>((resolve, reject) => step.once('error', reject).once('close', resolve)),
  ]);
  if (code !== 0) throw new Error(`${step.spawnargs.slice(0, 2).join(' ')} failed: ${words.trim()}`);
}
