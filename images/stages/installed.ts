import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { NpmPackage } from './sbom.ts';

/** A package in a node_modules directory, and where it is. */
export type InstalledPackage = NpmPackage & { readonly directory: string };

/** Every package below a node_modules directory, nested ones too. */
export async function installedPackages(nodeModules: string): Promise<InstalledPackage[]> {
  const found: InstalledPackage[] = [];
  for (const directory of await packageDirectories(nodeModules)) {
    found.push(await installedPackage(directory), ...(await installedPackages(join(directory, 'node_modules'))));
  }
  return found;
}

/** What a package says about itself. */
export async function installedPackage(directory: string): Promise<InstalledPackage> {
  const { name, version, license }: { name: string; version: string; license?: string | { type: string } } = JSON.parse(
    await readFile(join(directory, 'package.json'), 'utf8'),
  );
  const declared = typeof license === 'object' ? license.type : license;
  return { name, version, directory, ...(declared === undefined ? {} : { license: declared }) };
}

/** The licence and notice files of a package, one text; empty when it ships none. */
export async function licenceText(directory: string): Promise<string> {
  const files = (await readdir(directory)).filter((file) => /^(licen[sc]e|copying|notice)/i.test(file)).toSorted();
  const texts = await Promise.all(files.map((file) => readFile(join(directory, file), 'utf8')));
  return texts.map((text) => text.trim()).join('\n\n');
}

async function packageDirectories(nodeModules: string): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await entries(nodeModules)) {
    if (entry.startsWith('@')) found.push(...(await entries(join(nodeModules, entry))).map((name) => join(nodeModules, entry, name)));
    else found.push(join(nodeModules, entry));
  }
  return found;
}

/** Names of the directories in a directory, but for hidden ones; none when there is no such directory. */
async function entries(directory: string): Promise<string[]> {
  try {
    const all = await readdir(directory, { withFileTypes: true });
    return all.filter((entry) => entry.isDirectory() && !entry.name.startsWith('.')).map((entry) => entry.name);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}
