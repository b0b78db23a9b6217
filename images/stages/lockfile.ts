/** An entry of `packages` in a package-lock.json of version 3; the key is the path below the project, such as `node_modules/zod`. */
type LockedPackage = {
  readonly version: string;
  readonly license?: string;
  readonly integrity?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly [field: string]: unknown;
};

export type Lockfile = { readonly lockfileVersion: number; readonly packages: Readonly<Record<string, LockedPackage>> };

export type Manifest = {
  readonly name: string;
  readonly version: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly overrides?: Readonly<Record<string, string>>;
};

/**
 * A package.json and its lock file with `roots` and what they need, at the locked versions, and nothing else:
 * `npm ci` of it installs what the whole project would, and it stays the same when other packages change.
 * Throws an Error for a root that is not locked.
 */
export function subset(manifest: Manifest, lock: Lockfile, roots: readonly string[]): { manifest: Manifest; lock: Lockfile } {
  const kept = reachable(lock.packages, roots);
  const names = new Set([...kept].map(nameOf));
  const dependencies = Object.fromEntries(roots.toSorted().map((name) => [name, locked(lock.packages, name).version]));
  const overrides = Object.fromEntries(Object.entries(manifest.overrides ?? {}).filter(([name]) => names.has(name)));
  const reduced = { name: `${manifest.name}-subset`, version: '0.0.0', dependencies };
  const packages = Object.fromEntries([...kept].toSorted().map((path) => [path, withoutFlags(lock.packages[path])]));
  return {
    manifest: { ...reduced, overrides },
    lock: { lockfileVersion: lock.lockfileVersion, packages: { '': reduced, ...packages } },
  };
}

/** The paths of `roots` and of everything they need, found as Node finds modules. */
function reachable(packages: Lockfile['packages'], roots: readonly string[]): Set<string> {
  const found = new Set<string>();
  const queue = roots.map((name) => {
    locked(packages, name);
    return `node_modules/${name}`;
  });
  for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
    if (found.has(path)) continue;
    found.add(path);
    const { dependencies, optionalDependencies } = packages[path] ?? {};
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
      const needed = resolve(packages, path, name);
      // An optional package for another platform may be missing from the lock file.
      if (needed !== undefined) queue.push(needed);
    }
  }
  return found;
}

function resolve(packages: Lockfile['packages'], from: string, name: string): string | undefined {
  for (let directory = from; ; directory = directory.slice(0, Math.max(0, directory.lastIndexOf('/node_modules/')))) {
    const candidate = directory === '' ? `node_modules/${name}` : `${directory}/node_modules/${name}`;
    if (packages[candidate]) return candidate;
    if (directory === '') return undefined;
  }
}

function locked(packages: Lockfile['packages'], name: string): LockedPackage {
  const found = packages[`node_modules/${name}`];
  if (!found) throw new Error(`${name} is not in package-lock.json: run npm install.`);
  return found;
}

/** What made a package part of the whole project may not be true of the subset. */
function withoutFlags(entry: LockedPackage | undefined): LockedPackage {
  const { dev: _dev, devOptional: _devOptional, peer: _peer, ...rest } = entry ?? { version: '' };
  return rest;
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
}
