// Adds the entries of other platforms' binaries to package-lock.json.
// A registry mirror that carries this platform's packages only makes npm leave the others out of the lockfile,
// and `npm ci` then refuses the lockfile everywhere. Run after `npm install --package-lock-only`.
import { readFileSync, writeFileSync } from 'node:fs';

const systems = {
  darwin: 'darwin',
  mac: 'darwin',
  win32: 'win32',
  win: 'win32',
  linux: 'linux',
  android: 'android',
  freebsd: 'freebsd',
  openharmony: 'openharmony',
};
const processors = {
  arm64: 'arm64',
  x64: 'x64',
  ia32: 'ia32',
  riscv64: 'riscv64',
  ppc64: 'ppc64',
  s390x: 's390x',
  loong64: 'loong64',
  arm: 'arm',
  armv7l: 'arm',
  wasm32: 'wasm32',
};

const path = new URL('../package-lock.json', import.meta.url);
const lock = JSON.parse(readFileSync(path, 'utf8'));
const added = [];
for (const [, owner] of Object.entries({ ...lock.packages })) {
  for (const [name, version] of Object.entries(owner.optionalDependencies ?? {})) {
    const key = `node_modules/${name}`;
    if (lock.packages[key] || !/^\d/.test(version)) continue;
    const words = name.slice(name.lastIndexOf('/') + 1).split('-');
    const os = words.map((word) => systems[word]).find(Boolean);
    const cpu = words.map((word) => processors[word]).find(Boolean);
    if (!os && !cpu) continue;
    const libc = words.some((word) => word.startsWith('musl'))
      ? ['musl']
      : words.some((word) => word.startsWith('gnu')) && os === 'linux'
        ? ['glibc']
        : undefined;
    lock.packages[key] = {
      version,
      cpu: cpu && [cpu],
      ...(owner.dev && { dev: true }),
      ...(libc && { libc }),
      optional: true,
      os: os && [os],
    };
    added.push(name);
  }
}
const sorted = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)));
writeFileSync(path, `${JSON.stringify({ ...lock, packages: sorted }, null, 2)}\n`);
console.log(`${added.length} entries added`, added.join(' '));
