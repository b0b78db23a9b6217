import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import packageJson from '../../package.json' with { type: 'json' };
import { chartFiles } from '../../scripts/chart.ts';
import type { HelmVersion } from '../fakes/helm.ts';
import { helm, helmRuns } from '../fakes/helm.ts';
import { chart, readChartFile } from './chart.ts';

const root = join(import.meta.dirname, '../..');
const { annotations, ...about } = (await readChartFile('Chart.yaml')) as {
  readonly version: string;
  readonly appVersion: string;
  readonly annotations: Readonly<Record<string, string>>;
};

async function definitions(folder: string): Promise<ReadonlyMap<string, string>> {
  const names = await readdir(folder);
  return new Map(await Promise.all(names.sort().map(async (name) => [name, await readFile(join(folder, name), 'utf8')] as const)));
}

test('the chart installs the program of this version', () => {
  expect(about.appVersion).toBe(packageJson.version);
});

test('carries the definitions of this version, letter by letter', async () => {
  expect(await definitions(join(chart, 'files/crds'))).toEqual(await definitions(join(root, 'crds')));
});

test('its README and schema follow from its values', async () => {
  for (const [path, text] of await chartFiles(root, await definitions(join(root, 'crds'))))
    expect(await readFile(join(root, path), 'utf8'), `${path}: run npm run generate`).toBe(text);
});

test('Artifact Hub shows the images and definitions that it installs', async () => {
  const images = parse(annotations['artifacthub.io/images'] ?? '') as { image: string }[];
  expect(images.map(({ image }) => image)).toEqual([
    `modelfleet/controller:${about.appVersion}`,
    `modelfleet/gateway:${about.appVersion}`,
    ...['cpu', 'cuda', 'vulkan'].map((device) => `modelfleet/worker:${about.appVersion}-${device}`),
  ]);
  const crds = [...(await definitions(join(root, 'crds'))).values()].map(
    (text) => parse(text) as { metadata: { name: string }; spec: { names: { kind: string }; versions: { name: string }[] } },
  );
  expect(parse(annotations['artifacthub.io/crds'] ?? '')).toMatchObject(
    crds.map(({ metadata: { name }, spec: { names, versions } }) => ({ name, kind: names.kind, version: versions[0]?.name })),
  );
});

describe.skipIf(!helmRuns)('helm (the packages carry a Linux x64 binary alone)', () => {
  test.for<HelmVersion>([4, 3])('%i finds nothing to complain about', async (version) => {
    const { stdout, code } = await helm(undefined, ['lint', '--strict', chart], { version });
    expect(stdout).toContain('1 chart(s) linted, 0 chart(s) failed');
    expect(code).toBe(0);
  });

  test.for<HelmVersion>([4, 3])('%i takes it as a part of another chart', async (version) => {
    const values = { enabled: true, global: { imageRegistry: 'registry.example.com' } };
    const { stderr, code } = await helm(undefined, ['template', 'a', chart, '--values', '-'], { version, stdin: JSON.stringify(values) });
    expect({ stderr, code }).toEqual({ stderr: '', code: 0 });
  });
});
