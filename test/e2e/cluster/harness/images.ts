import { execFile } from 'node:child_process';
import { copyFile, cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { pullModel } from '../../../../src/worker/artifacts/pull/pull.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../../../..');
/** What the suite runs beside the product; see testbed/. */
export const testbedImage = 'modelfleet/testbed:e2e';

/** The version that the upgrade goes to. */
export const nextVersion = '0.1.1';

/** The version that this checkout is. */
export async function currentVersion(): Promise<string> {
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };
  return version;
}

/** The worker that runs on any machine. */
export const workerImage = (version: string) => `modelfleet/worker:${version}-cpu`;

/** Builds the product's images, those of a next version, and the testbed's. Answers what a node needs. */
export async function buildImages(): Promise<readonly string[]> {
  const version = await currentVersion();
  await run(process.execPath, [join(root, 'images/build.ts')], { cwd: root, maxBuffer: 1 << 26 });
  const current = [`modelfleet/controller:${version}`, `modelfleet/gateway:${version}`, workerImage(version)];
  await buildTestbed(`modelfleet/gateway:${version}`);
  const next = await Promise.all(current.map((image) => relabel(image, image.replace(version, nextVersion))));
  return [...current, ...next, testbedImage];
}

async function buildTestbed(base: string): Promise<void> {
  const context = await mkdtemp(join(tmpdir(), 'modelfleet-testbed-'));
  try {
    await cp(join(import.meta.dirname, '../testbed'), context, { recursive: true });
    await copyFile((await pullModel('smollm2')).path, join(context, 'model.gguf'));
    await run('docker', ['build', '--quiet', '--build-arg', `BASE=${base}`, '--tag', testbedImage, context]);
  } finally {
    await rm(context, { recursive: true, force: true });
  }
}

/** Another image of the same content, as a release that changed little would be. */
async function relabel(from: string, to: string): Promise<string> {
  const building = run('docker', ['build', '--quiet', '--tag', to, '-']);
  building.child.stdin?.end(`FROM ${from}\nLABEL org.opencontainers.image.version=${nextVersion}\n`);
  await building;
  return to;
}
