// Writes package.json and package-lock.json of the npm packages that one purpose needs.
// usage: node select-packages.ts bundle|engine DIRECTORY
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Lockfile, type Manifest, subset } from './lockfile.ts';

/** Loads native code and finds it beside itself: installed in the worker image, never bundled. */
const engine = 'node-llama-cpp';

const manifest: Manifest = JSON.parse(await readFile('package.json', 'utf8'));
const lock: Lockfile = JSON.parse(await readFile('package-lock.json', 'utf8'));
const [purpose, directory = '.'] = process.argv.slice(2);
const roots = purpose === 'engine' ? [engine] : [...Object.keys(manifest.dependencies ?? {}).filter((name) => name !== engine), 'esbuild'];

const selected = subset(manifest, lock, roots);
await writeFile(join(directory, 'package.json'), JSON.stringify(selected.manifest, null, 2));
await writeFile(join(directory, 'package-lock.json'), JSON.stringify(selected.lock, null, 2));
