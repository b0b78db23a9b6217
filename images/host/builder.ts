import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { access, copyFile, cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { docker, hasImage } from './docker.ts';
import { type RunOptions, run } from './run.ts';

export type Builder = {
  readonly from: string;
  /** Whether this process's Node and npm are to be put into it. */
  readonly withNode: boolean;
  /** A file of certificate authorities that its programs are to trust. */
  readonly certificates: string | undefined;
};

/**
 * Makes the image of the stages that run npm and esbuild, unless the engine has it; resolves with its tag.
 * Images that are built with it contain nothing of it but Node.
 */
export async function makeBuilder(builder: Builder, options: RunOptions, say: (line: string) => void): Promise<string> {
  const certificates = builder.certificates === undefined ? undefined : await readFile(builder.certificates);
  const from = await docker(['image', 'inspect', '--format', '{{.Id}}', builder.from], options);
  const key = createHash('sha256').update(JSON.stringify([from, builder.withNode && process.version]));
  const tag = `modelfleet/builder:${key
    .update(certificates ?? '')
    .digest('hex')
    .slice(0, 16)}`;
  if (await hasImage(tag, options)) return tag;

  say(`making ${tag} from ${builder.from}`);
  const context = await mkdtemp(join(tmpdir(), 'modelfleet-builder-'));
  try {
    const lines = [`FROM ${builder.from}`];
    if (builder.withNode) {
      await copyFile(process.execPath, join(context, 'node'));
      await copyFile(await nodeLicence(), join(context, 'LICENSE'));
      await cp(await npmDirectory(options), join(context, 'npm'), { recursive: true });
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

/** The licence text of this Node: beside its prefix, or in the npm package that brought it. */
async function nodeLicence(): Promise<string> {
  const prefix = dirname(dirname(process.execPath));
  const package_ = `node-${process.platform}-${process.arch}`;
  const candidates = [prefix, join(prefix, 'node_modules', package_), join(prefix, '..', package_)].map((place) => join(place, 'LICENSE'));
  for (const file of candidates) {
    const there = await access(file, constants.R_OK).then(
      () => true,
      () => false,
    );
    if (there) return file;
  }
  throw new Error(`The licence of ${process.execPath} is at none of ${candidates.join(', ')}: run this through npm run images.`);
}

/** The npm that runs this program, or else the one of the PATH. */
async function npmDirectory(options: RunOptions): Promise<string> {
  const cli = process.env.npm_execpath;
  return cli?.endsWith('npm-cli.js') ? dirname(dirname(cli)) : join(await run('npm', ['root', '--global'], options), 'npm');
}
