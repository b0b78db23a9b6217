import { expect, test } from 'vitest';
import { type Lockfile, subset } from '../../images/stages/lockfile.ts';

const manifest = {
  name: 'fleet',
  version: '1.0.0',
  dependencies: { web: '^1.0.0', engine: '^3.0.0' },
  overrides: { '@engine/gpu': 'npm:empty@1.0.0', other: 'npm:empty@1.0.0' },
};

const lock: Lockfile = {
  lockfileVersion: 3,
  packages: {
    '': { version: '1.0.0' },
    'node_modules/web': { version: '1.2.0', dependencies: { bytes: '^1.0.0' } },
    'node_modules/bytes': { version: '1.9.0' },
    'node_modules/engine': {
      version: '3.1.0',
      dependencies: { bytes: '^2.0.0' },
      optionalDependencies: { '@engine/gpu': '3.1.0', '@engine/mac': '3.1.0' },
    },
    'node_modules/engine/node_modules/bytes': { version: '2.0.0', dependencies: { digits: '*' } },
    'node_modules/digits': { version: '0.1.0', dev: true },
    'node_modules/@engine/gpu': { name: 'empty', version: '1.0.0', optional: true },
    'node_modules/tool': { version: '5.0.0', dev: true, integrity: 'sha512-AAAA' },
  },
};

test('keeps what the roots need, found as Node finds it, at the locked versions', () => {
  const { lock: reduced } = subset(manifest, lock, ['engine']);

  expect(Object.keys(reduced.packages)).toEqual([
    '',
    'node_modules/@engine/gpu',
    'node_modules/digits',
    'node_modules/engine',
    'node_modules/engine/node_modules/bytes',
  ]);
});

test('makes a tool that only development needed a dependency like any other', () => {
  const selected = subset(manifest, lock, ['tool', 'web']);

  expect(selected.manifest.dependencies).toEqual({ tool: '5.0.0', web: '1.2.0' });
  expect(selected.lock.packages['node_modules/tool']).toEqual({ version: '5.0.0', integrity: 'sha512-AAAA' });
  expect(selected.lock.packages['']).toMatchObject({ dependencies: { tool: '5.0.0', web: '1.2.0' } });
});

test('keeps the overrides of what is left: npm would take the lock file for outdated', () => {
  expect(subset(manifest, lock, ['engine']).manifest.overrides).toEqual({ '@engine/gpu': 'npm:empty@1.0.0' });
});

test('is the same whatever else changes in the project', () => {
  const changed = { ...manifest, version: '2.0.0', dependencies: { ...manifest.dependencies, another: '1.0.0' } };

  expect(subset(changed, lock, ['web'])).toEqual(subset(manifest, lock, ['web']));
});

test('says which root is not locked', () => {
  expect(() => subset(manifest, lock, ['nothing'])).toThrow('nothing is not in package-lock.json: run npm install.');
});
