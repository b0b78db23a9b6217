import { createHash, randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { access, chmod, copyFile, mkdir, readdir, readFile, rename, rm, stat, symlink } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { binariesFolder } from './folders.ts';
import { run } from './run.ts';

const kubePrograms = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kubelet', 'kube-proxy', 'kubectl'] as const;
/** What one Go module builds, with the names under which it is started. */
const modules = { kube: kubePrograms, coredns: ['coredns'], pause: ['pause'] } as const;
type ModuleName = keyof typeof modules;

/** A program that the test cluster or a test of the chart runs. */
export type BinaryName = (typeof kubePrograms)[number] | 'coredns' | 'pause' | 'kube-linter';

export type Tell = (line: string) => void;

const sources = join(import.meta.dirname, 'binaries');
/** No wrapper module: it has neither replacements nor companions, so Go installs it by its version. */
const kubeLinter = 'golang.stackrox.io/kube-linter/cmd/kube-linter@v0.7.6';
const prepared = new Map<ModuleName, Promise<string>>();

/** The path of a program: from MODELFLEET_KUBE_BIN, else from the cache, else built from Go modules (minutes, once a version). */
export async function binary(name: BinaryName, tell: Tell = console.log): Promise<string> {
  if (name === 'kube-linter') return findKubeLinter(tell);
  const module: ModuleName = name === 'coredns' || name === 'pause' ? name : 'kube';
  const folder = prepared.get(module) ?? prepare(module, tell);
  prepared.set(module, folder);
  return join(await folder, name);
}

/** The folder named by MODELFLEET_KUBE_BIN, if it is set. */
export function readyFolder(): string | undefined {
  return process.env.MODELFLEET_KUBE_BIN || undefined;
}

/** Whether all modules are in the cache already, so that no Go is needed. */
export async function isBuilt(): Promise<boolean> {
  const folders = await Promise.all((Object.keys(modules) as ModuleName[]).map(builtFolder));
  return (await Promise.all(folders.map(exists))).every(Boolean);
}

async function prepare(module: ModuleName, tell: Tell): Promise<string> {
  const ready = readyFolder();
  if (ready) return unpackReady(module, ready);
  const folder = await builtFolder(module);
  if (!(await exists(folder))) await make(folder, module, (target) => build(module, target, tell));
  return folder;
}

async function unpackReady(module: ModuleName, ready: string): Promise<string> {
  const names = modules[module];
  if ((await Promise.all(names.map((name) => isExecutable(join(ready, name))))).every(Boolean)) return ready;
  for (const [file, unpack] of [
    [module, copyFile],
    [`${module}.xz`, unpackXz],
  ] as const) {
    const source = join(ready, file);
    if (!(await exists(source))) continue;
    const { size, mtimeMs } = await stat(source);
    const folder = join(binariesFolder, `${module}-ready-${digest(source, String(size), String(mtimeMs))}`);
    if (!(await exists(folder))) await make(folder, module, (target) => unpack(source, target));
    return folder;
  }
  throw new Error(
    `MODELFLEET_KUBE_BIN: ${ready} has neither ${names.join(', ')} nor ${module} nor ${module}.xz; unset it to build them with Go`,
  );
}

/** Fills a folder beside the final one and moves it there when complete: another process may be at the same point. */
async function make(folder: string, module: ModuleName, write: (target: string) => Promise<unknown>): Promise<void> {
  const temporary = `${folder}.${randomUUID()}`;
  await mkdir(temporary, { recursive: true });
  try {
    await write(join(temporary, module));
    await chmod(join(temporary, module), 0o755);
    for (const name of modules[module]) if (name !== module) await symlink(module, join(temporary, name));
    await rename(temporary, folder).catch(async (error: unknown) => {
      if (!(await exists(folder))) throw error;
    });
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

async function builtFolder(module: ModuleName): Promise<string> {
  const folder = join(sources, module);
  const files = (await readdir(folder)).filter((name) => /\.go$|^go\.(mod|sum)$/.test(name)).sort();
  const contents = await Promise.all(files.map((file) => readFile(join(folder, file), 'utf8')));
  return join(binariesFolder, `${module}-${digest(process.arch, (await linkerFlags(module)).join(' '), ...contents)}`);
}

/** Without the version in both packages, Helm's kubeVersion check and kubectl's skew check fail. */
async function linkerFlags(module: ModuleName): Promise<readonly string[]> {
  const flags = ['-s', '-w'];
  if (module !== 'kube') return flags;
  const version = /k8s\.io\/kubernetes (v(\d+)\.(\d+)\.\d+)/.exec(await readFile(join(sources, 'kube/go.mod'), 'utf8'));
  if (!version) throw new Error(`${join(sources, 'kube/go.mod')} requires no version of k8s.io/kubernetes`);
  const values = {
    gitVersion: version[1],
    gitMajor: version[2],
    gitMinor: version[3],
    gitTreeState: 'clean',
    gitCommit: '0'.repeat(40),
    buildDate: '1970-01-01T00:00:00Z',
  };
  for (const path of ['k8s.io/component-base/version', 'k8s.io/client-go/pkg/version']) {
    for (const [name, value] of Object.entries(values)) flags.push('-X', `${path}.${name}=${value}`);
  }
  return flags;
}

async function build(module: ModuleName, target: string, tell: Tell): Promise<void> {
  tell(`building ${module} from Go modules, once for this version${module === 'kube' ? ': about 7 minutes on two cores' : ''}`);
  const flags = ['-mod=readonly', '-trimpath', '-buildvcs=false', '-ldflags', (await linkerFlags(module)).join(' ')];
  const env = { ...process.env, CGO_ENABLED: '0', GOTOOLCHAIN: 'local' };
  await run('go', ['build', ...flags, '-o', target, '.'], { cwd: join(sources, module), env, timeoutMs: 45 * 60_000 });
}

async function findKubeLinter(tell: Tell): Promise<string> {
  const folders = [readyFolder(), ...(process.env.PATH ?? '').split(delimiter)].filter((folder) => folder !== undefined);
  const target = join(binariesFolder, `kube-linter-${digest(process.arch, kubeLinter)}`);
  for (const folder of [...folders, target]) if (await isExecutable(join(folder, 'kube-linter'))) return join(folder, 'kube-linter');
  tell(`installing ${kubeLinter}`);
  const env = { ...process.env, GOBIN: target, CGO_ENABLED: '0', GOTOOLCHAIN: 'local' };
  await run('go', ['install', '-trimpath', kubeLinter], { env, timeoutMs: 15 * 60_000 });
  return join(target, 'kube-linter');
}

async function unpackXz(source: string, target: string): Promise<void> {
  await copyFile(source, `${target}.xz`);
  await chmod(`${target}.xz`, 0o644);
  await run('xz', ['--decompress', `${target}.xz`], { timeoutMs: 300_000 });
}

function digest(...parts: readonly string[]): string {
  return createHash('sha256').update(parts.join('\0')).digest('hex').slice(0, 16);
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
