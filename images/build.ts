// Builds the images with the local Docker engine: npm run images -- --help
import { execFile } from 'node:child_process';
import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Command, Option } from 'commander';
import packageJson from '../package.json' with { type: 'json' };
import { findBases } from './host/bases.ts';
import { docker } from './host/docker.ts';
import { buildArguments, defaultBases, imageNames, type Made, parts, plan, table, variants } from './host/plan.ts';

type Flags = { only: string[]; variants: string[]; tag: string; base?: string; network?: string; verbose: boolean };

const root = fileURLToPath(new URL('..', import.meta.url));
const out = join(root, 'images/out');
const limitMs = 30 * 60_000;

const program = new Command('images')
  .description('build the images of controller, gateway and worker with the local Docker engine')
  .addOption(
    new Option('--only <images>', 'which of them, with commas between')
      .default(imageNames, imageNames.join(','))
      .argParser(parts(imageNames)),
  )
  .addOption(
    new Option('--variants <variants>', `of the worker: ${variants.join(', ')}`).default(['cpu'], 'cpu').argParser(parts(variants)),
  )
  .option('--tag <tag>', 'tag of the images; the worker’s gets -VARIANT', packageJson.version)
  .option('--base <image>', 'the base image instead of the Dockerfiles’ own, or of one made by debootstrap')
  .option('--network <mode>', 'network of build commands; the host’s where no registry can be reached')
  .option('--verbose', 'show what the builder says', false)
  .action(run);

async function run(flags: Flags): Promise<void> {
  const signal = AbortSignal.timeout(limitMs);
  const options = { signal };
  await docker(['version', '--format', '{{.Server.Version}}'], options).catch((error: Error) => {
    throw new Error(`A Docker engine is needed to build images. ${error.message}`, { cause: error });
  });
  const defaults = defaultBases(await readFile(join(root, 'images/controller/Dockerfile'), 'utf8'));
  const bases = await findBases({ base: flags.base, network: flags.network, defaults }, options, say);
  const source = await sourceState();
  const made: Made[] = [];
  for (const build of plan(flags)) {
    const started = performance.now();
    say(`building ${build.image}`);
    const args = buildArguments(build, bases, { version: flags.tag, ...source });
    await docker(['build', ...args, root], { signal, verbose: flags.verbose });
    const seconds = (performance.now() - started) / 1000;
    const bytes = Number(await docker(['image', 'inspect', '--format', '{{.Size}}', build.image], options));
    await saveSbom(build.image, join(out, `${build.name}${build.variant ? `-${build.variant}` : ''}.cdx.json`), signal);
    made.push({ image: build.image, bytes, seconds });
  }
  process.stdout.write(table(made));
}

/** Revision and time of what is built: the commit, or SOURCE_DATE_EPOCH where that is set. */
async function sourceState(): Promise<{ revision: string; created: string }> {
  const git = async (...args: string[]) => (await promisify(execFile)('git', args, { cwd: root })).stdout.trim();
  const [revision = '', seconds] = await git('log', '-1', '--format=%H %ct').then(
    (line) => line.split(' '),
    () => ['unknown', '0'],
  );
  const epoch = Number(process.env.SOURCE_DATE_EPOCH ?? seconds);
  if (!Number.isInteger(epoch))
    throw new Error(`SOURCE_DATE_EPOCH is ${JSON.stringify(process.env.SOURCE_DATE_EPOCH)}: give seconds since 1970.`);
  return { revision, created: new Date(epoch * 1000).toISOString() };
}

/** Copies the SBOM out of an image. */
async function saveSbom(image: string, file: string, signal: AbortSignal): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const container = await docker(['create', image], { signal });
  try {
    await docker(['cp', `${container}:/usr/share/sbom/modelfleet.cdx.json`, file], { signal });
  } finally {
    await docker(['rm', container], { signal });
  }
}

function say(line: string): void {
  process.stderr.write(`images: ${line}\n`);
}

try {
  await program.parseAsync();
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
