import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { copyFile, cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type DockerOptions, docker, hasImage, pull } from './docker.ts';

const suite = 'bookworm';
const localBase = `modelfleet/debian:${suite}-minbase`;

/** The images that a build starts from, as build arguments, and the network in which its commands run. */
export type Bases = { readonly base: string; readonly builder: string; readonly network: string | undefined };

export type Wanted = {
  /** The base to use instead of the default one. */
  readonly base: string | undefined;
  readonly network: string | undefined;
  /** What the Dockerfiles name when nobody says otherwise. */
  readonly defaults: { readonly base: string; readonly builder: string };
};

/**
 * Finds the base images: the Dockerfiles' own where the engine has or can pull them.
 * Where no registry can be reached, debootstrap makes the base, and this Node with its npm the builder; both stay in the engine.
 * A certificate authority of the host (NODE_EXTRA_CA_CERTS) is put into the builder, and so into no image that is made with it.
 */
export async function findBases(wanted: Wanted, options: DockerOptions, say: (line: string) => void): Promise<Bases> {
  const base = wanted.base ?? (await findBase(wanted.defaults.base, options, say));
  const pulled =
    (await hasImage(wanted.defaults.builder, options)) || (base !== localBase && (await pull(wanted.defaults.builder, options)));
  const certificates = process.env.NODE_EXTRA_CA_CERTS;
  const builder =
    pulled && certificates === undefined
      ? wanted.defaults.builder
      : await makeBuilder({ from: pulled ? wanted.defaults.builder : base, withNode: !pulled, certificates }, options, say);
  // Where there is no registry, the engine's own network seldom leads out either.
  return { base, builder, network: wanted.network ?? (pulled ? undefined : 'host') };
}

async function findBase(image: string, options: DockerOptions, say: (line: string) => void): Promise<string> {
  if ((await hasImage(image, options)) || (await pull(image, options))) return image;
  if (await hasImage(localBase, options)) return localBase;
  say(`${image} cannot be pulled: making ${localBase} with debootstrap, once`);
  const directory = await mkdtemp(join(tmpdir(), 'modelfleet-base-'));
  try {
    await debootstrap(directory, options.signal);
    await writeFile(
      join(directory, 'etc/apt/sources.list'),
      [
        `deb http://deb.debian.org/debian ${suite} main`,
        `deb http://deb.debian.org/debian ${suite}-updates main`,
        `deb http://deb.debian.org/debian-security ${suite}-security main`,
        '',
      ].join('\n'),
    );
    const archive = spawn(
      'sh',
      [
        '-c',
        'tar --numeric-owner --exclude=./var/cache/apt --exclude=./var/lib/apt/lists -C "$0" -c . | docker import - "$1"',
        directory,
        localBase,
      ],
      {
        signal: options.signal,
        stdio: ['ignore', 'ignore', 'inherit'],
      },
    );
    const [code] = await once(archive, 'close');
    if (code !== 0) throw new Error(`${localBase} could not be imported into the Docker engine (code ${code}).`);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
  return localBase;
}

async function debootstrap(directory: string, signal: AbortSignal): Promise<void> {
  const remedy = 'Install it (apt-get install debootstrap) and run as root, or name a base image that the engine has with --base.';
  if (process.getuid?.() !== 0) throw new Error(`Without a registry the base image is made by debootstrap, which needs root. ${remedy}`);
  // PATH of a user session may lack it.
  const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` };
  const child = spawn('debootstrap', ['--variant=minbase', '--include=ca-certificates', suite, directory], {
    signal,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let last = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      last = `${last}${chunk}`.slice(-2000);
    });
  }
  const [code] = await once(child, 'close').catch((error: Error) => {
    throw new Error(`debootstrap cannot be run (${error.message}). ${remedy}`, { cause: error });
  });
  if (code !== 0) throw new Error(`debootstrap failed with code ${code}. ${last}`);
}

type Builder = { readonly from: string; readonly withNode: boolean; readonly certificates: string | undefined };

/** The stage that runs npm and esbuild: an image with this process's Node where none could be pulled, and the host's certificates. */
async function makeBuilder(builder: Builder, options: DockerOptions, say: (line: string) => void): Promise<string> {
  const certificates = builder.certificates === undefined ? undefined : await readFile(builder.certificates);
  const from = await docker(['image', 'inspect', '--format', '{{.Id}}', builder.from], options);
  const key = createHash('sha256')
    .update(JSON.stringify([from, builder.withNode && process.version]))
    .update(certificates ?? '')
    .digest('hex');
  const tag = `modelfleet/builder:${key.slice(0, 16)}`;
  if (await hasImage(tag, options)) return tag;

  say(`making ${tag} from ${builder.from}`);
  const context = await mkdtemp(join(tmpdir(), 'modelfleet-builder-'));
  try {
    const lines = [`FROM ${builder.from}`];
    if (builder.withNode) {
      await copyFile(process.execPath, join(context, 'node'));
      await copyFile(await nodeLicence(), join(context, 'LICENSE'));
      await cp(await npmDirectory(options.signal), join(context, 'npm'), { recursive: true });
      lines.push('COPY node /usr/local/bin/node', 'COPY LICENSE /usr/local/LICENSE', 'COPY npm /usr/local/lib/node_modules/npm');
      lines.push('RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm');
    }
    if (certificates) {
      await writeFile(join(context, 'ca.crt'), certificates);
      const variables = ['NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE', 'PIP_CERT'].map((name) => `${name}=/usr/local/share/modelfleet/ca.crt`);
      lines.push('COPY ca.crt /usr/local/share/modelfleet/ca.crt', `ENV ${variables.join(' ')}`);
    }
    await writeFile(join(context, 'Dockerfile'), `${lines.join('\n')}\n`);
    await docker(['build', '--quiet', '--tag', tag, context], options);
  } finally {
    await rm(context, { recursive: true, force: true });
  }
  return tag;
}

/** The licence text that comes with this Node: beside its prefix, or in the npm package that it was installed by. */
async function nodeLicence(): Promise<string> {
  const prefix = dirname(dirname(process.execPath));
  const package_ = `node-${process.platform}-${process.arch}`;
  const candidates = [join(prefix, 'LICENSE'), join(prefix, 'node_modules', package_, 'LICENSE'), join(prefix, '..', package_, 'LICENSE')];
  for (const file of candidates) {
    const text = await readFile(file, 'utf8').catch(() => '');
    if (text.includes('Node.js')) return file;
  }
  throw new Error(`The licence of ${process.execPath} is at none of ${candidates.join(', ')}: run this through npm run images.`);
}

/** The npm that runs this program, or else the one of the PATH. */
async function npmDirectory(signal: AbortSignal): Promise<string> {
  const cli = process.env.npm_execpath;
  if (cli?.endsWith('npm-cli.js')) return dirname(dirname(cli));
  const child = spawn('npm', ['root', '--global'], { signal, stdio: ['ignore', 'pipe', 'inherit'] });
  const chunks = await child.stdout.toArray();
  return join(Buffer.concat(chunks).toString().trim(), 'npm');
}
