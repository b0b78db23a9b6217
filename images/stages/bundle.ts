// Makes what an image has beside Debian, Node and native packages: the bundled program, licence texts and the SBOM.
// usage: node bundle.ts controller|gateway|worker OUTPUT INVENTORY
//   INVENTORY: debian/ (status of packages), npm.json (packages installed beside the bundle), python/ (METADATA of wheels); each optional
import { copyFile, glob, lutimes, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { engineNames } from '../../src/worker/engines/programs.ts';
import { bundle, bundledPackages } from './esbuild.ts';
import { installedPackage, licenceText } from './installed.ts';
import type { Lockfile, Manifest } from './lockfile.ts';
import { type Component, debianComponent, type NpmPackage, nodeComponent, npmComponent, sbom, wheelComponent } from './sbom.ts';

const [image = '', output = '/out', inventory = '/inventory'] = process.argv.slice(2);
const manifest: Manifest & { license: string; engines: { node: string } } = JSON.parse(await readFile('package.json', 'utf8'));
const lock: Lockfile = JSON.parse(await readFile('package-lock.json', 'utf8'));

const needed = Number(/\d+/.exec(manifest.engines.node)?.[0]);
if (Number.parseInt(process.versions.node, 10) < needed)
  throw new Error(`The image's Node is ${process.version}, but package.json asks for ${manifest.engines.node}: choose another BUILDER.`);

const engines = image === 'worker' ? engineNames.map((name) => [`${name}/child`, `src/worker/engines/${name}/child.ts`]) : [];
const entries = { main: `images/${image}/main.ts`, ...Object.fromEntries(engines) };
// The worker's program is copied into other images, and so is one file.
const metafile = await bundle(entries, join(output, 'usr/local/lib/modelfleet'), { splitting: image !== 'worker' });
const bundled = bundledPackages(metafile);

await writeLicences(join(output, 'usr/share/doc/modelfleet'));
await writeSbom(join(output, 'usr/share/sbom'));
await resetTimes(output);

async function writeLicences(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  await copyFile('LICENSE', join(directory, 'LICENSE'));
  const sections = await Promise.all(
    bundled.map(async (path) => {
      const { name, version, license } = await installedPackage(path);
      const text = await licenceText(path);
      return `${name} ${version} (${license ?? 'see below'})\n\n${text || `The package ships no licence text; it declares ${license}.`}\n`;
    }),
  );
  const rule = `\n${'-'.repeat(80)}\n\n`;
  await writeFile(join(directory, 'THIRD-PARTY.txt'), `The program contains these packages.\n${rule}${sections.join(rule)}`);
}

async function writeSbom(directory: string): Promise<void> {
  const { ID, VERSION_ID } = Object.fromEntries((await readFile('/etc/os-release', 'utf8')).split('\n').map((line) => line.split('=')));
  const distribution = `${ID}-${String(VERSION_ID).replaceAll('"', '')}`;
  const beside: NpmPackage[] = JSON.parse(await readIfThere(join(inventory, 'npm.json'), '[]'));
  const components: Component[] = [
    nodeComponent(process.versions.node),
    ...(await Promise.all(bundled.map(async (path) => npmComponent({ ...(await installedPackage(path)), ...integrity(path) })))),
    ...beside.map((entry) => npmComponent({ ...entry, ...integrity(`node_modules/${entry.name}`, entry.version) })),
    ...(await texts(join(inventory, 'debian'))).map((status) => debianComponent(status, distribution)),
    ...(await texts(join(inventory, 'python'))).map(wheelComponent),
  ];
  await mkdir(directory, { recursive: true });
  const document = sbom({ name: `modelfleet/${image}`, version: manifest.version, license: manifest.license }, components);
  await writeFile(join(directory, 'modelfleet.cdx.json'), `${JSON.stringify(document, null, 2)}\n`);
}

/** What the lock file promises about the archive of a package. */
function integrity(path: string, version = lock.packages[path]?.version): { integrity?: string } {
  const entry = lock.packages[path];
  return entry?.version === version && entry?.integrity !== undefined ? { integrity: entry.integrity } : {};
}

async function texts(directory: string): Promise<string[]> {
  await mkdir(directory, { recursive: true });
  const files = (await readdir(directory)).toSorted();
  return Promise.all(files.map((file) => readFile(join(directory, file), 'utf8')));
}

async function readIfThere(file: string, otherwise: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return otherwise;
    throw error;
  }
}

/** The same sources give the same layer, whenever it is made. */
async function resetTimes(directory: string): Promise<void> {
  for await (const path of glob('**', { cwd: directory })) await lutimes(resolve(directory, path), 0, 0);
}
