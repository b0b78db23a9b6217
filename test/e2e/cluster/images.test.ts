import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { run } from '../../../images/host/run.ts';
import packageJson from '../../../package.json' with { type: 'json' };

const { version } = packageJson;
const images = [
  {
    name: 'controller',
    image: `modelfleet/controller:${version}`,
    args: ['--worker-image', 'none', '--host', '127.0.0.1', '--port', '28081'],
    url: 'http://127.0.0.1:28081/healthz',
  },
  {
    name: 'gateway',
    image: `modelfleet/gateway:${version}`,
    args: ['--host', '127.0.0.1', '--port', '28080', '--metrics-port', '28091'],
    url: 'http://127.0.0.1:28080/healthz',
  },
  {
    name: 'worker',
    image: `modelfleet/worker:${version}-cpu`,
    args: [
      'worker',
      '--name',
      'none',
      '--source',
      'file:///none.gguf',
      '--host',
      '127.0.0.1',
      '--port',
      '28000',
      '--management-port',
      '28090',
    ],
    url: 'http://127.0.0.1:28090/livez',
  },
] as const;
const mostBytes = 200e6; // the worker for CPUs stays below it too
const mostMsToAnswer = 2_000;
const attempts = 8;

/** As a pod runs it under the level `restricted`. */
const restricted = ['--read-only', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges'];
const docker = (...args: string[]) => run('docker', args, { signal: AbortSignal.timeout(60_000) });

describe.skipIf(!inject('kubeconfig')).each(images)('the image of the $name', ({ name, image, args, url }) => {
  let directory: string;
  let files: readonly ExportedFile[];

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'modelfleet-images-'));
    const container = await docker('create', image);
    try {
      await docker('export', '--output', join(directory, 'root.tar'), container);
      await docker('cp', `${container}:/usr/share/sbom/modelfleet.cdx.json`, join(directory, 'sbom.json'));
      await docker('cp', `${container}:/usr/share/doc/modelfleet/THIRD-PARTY.txt`, join(directory, 'licences.txt'));
    } finally {
      await docker('rm', container);
    }
    files = await listFiles(join(directory, 'root.tar'));
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  test('has no shell, no package manager and nothing that changes the user', () => {
    expect(files.length).toBeGreaterThan(100);
    const programs = files.filter(({ path }) =>
      /(^|\/)(ba|da|a|z|)sh$|(^|\/)(busybox|apt|apt-get|dpkg|npm|npx|yarn|corepack|perl|python3?)$/.test(path),
    );
    expect(programs.map(({ path }) => path)).toEqual([]);
    expect(files.filter(({ mode }) => /s/i.test(mode)).map(({ path }) => path)).toEqual([]);
    expect(files.filter(({ path }) => /^(usr\/(local\/)?)?s?bin\/./.test(path)).map(({ path }) => path)).toEqual(['usr/local/bin/node']);
  });

  test('runs as a user that owns nothing and may write nothing but /tmp', async () => {
    const { User } = JSON.parse(await docker('image', 'inspect', '--format', '{{json .Config}}', image));
    expect(User).toBe('65532:65532');
    expect(files.filter(({ owner }) => owner !== '0/0')).toEqual([]);
    expect(files.filter(({ mode }) => /^[^l].......w/.test(mode)).map(({ path }) => path)).toEqual(['tmp/']);
  });

  test('tells its version with a read-only root, no capability and no network', async () => {
    const subcommand = name === 'worker' ? ['worker'] : [];
    expect(await docker('run', '--rm', ...restricted, '--network', 'none', image, ...subcommand, '--version')).toBe(version);
    expect(await docker('run', '--rm', ...restricted, '--network', 'none', image, ...subcommand, '--help')).toContain('Usage: modelfleet');
  });

  test('says what it is', async () => {
    const labels = JSON.parse(await docker('image', 'inspect', '--format', '{{json .Config.Labels}}', image));
    expect(labels).toMatchObject({
      'org.opencontainers.image.title': expect.stringContaining(name),
      'org.opencontainers.image.description': expect.any(String),
      'org.opencontainers.image.version': version,
      'org.opencontainers.image.revision': expect.stringMatching(/^([0-9a-f]{40}|unknown)$/),
      'org.opencontainers.image.created': expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
      'org.opencontainers.image.licenses': 'Apache-2.0',
      'org.opencontainers.image.base.name': expect.stringMatching(/./),
    });
  });

  test('carries its bill of materials and the licences of what it bundles', async () => {
    const sbom: { components: { name: string; purl: string }[] } = JSON.parse(await readFile(join(directory, 'sbom.json'), 'utf8'));
    const names = sbom.components.map((component) => component.name);
    expect(names).toEqual(expect.arrayContaining(['node', 'libc6', 'libstdc++6', 'pino', 'commander']));
    expect(names.includes('node-llama-cpp')).toBe(name === 'worker');
    expect(await readFile(join(directory, 'licences.txt'), 'utf8')).toMatch(/^pino \d.* \(MIT\)$/m);
  });

  test('is small', async () => {
    expect(Number(await docker('image', 'inspect', '--format', '{{.Size}}', image))).toBeLessThan(mostBytes);
  });

  test('answers its probe within two seconds of its start, and ends at once when told to', async () => {
    // No API server: liveness needs none.
    const kubeconfig = join(directory, 'kubeconfig');
    await writeFile(kubeconfig, unreachable, { mode: 0o644 });
    const environment = ['--volume', `${kubeconfig}:/kubeconfig:ro`, '--env', 'KUBECONFIG=/kubeconfig', '--network', 'host'];
    const took: number[] = [];
    // A cluster shares the cores: the best attempt tells what the image can do.
    for (let attempt = 0; attempt < attempts && Math.min(...took) > mostMsToAnswer; attempt += 1) {
      const container = await docker('create', ...restricted, ...environment, image, ...args);
      try {
        const started = performance.now();
        await docker('start', container);
        await answers(url, AbortSignal.timeout(20_000));
        took.push(performance.now() - started);
        await docker('stop', '--time', '15', container);
        expect(await docker('inspect', '--format', '{{.State.ExitCode}}', container)).toBe('0');
      } finally {
        await docker('rm', '--force', container);
      }
    }
    expect(Math.min(...took)).toBeLessThan(mostMsToAnswer);
  }, 120_000);
});

const unreachable = `apiVersion: v1
kind: Config
current-context: none
clusters: [{name: none, cluster: {server: "https://127.0.0.1:1"}}]
users: [{name: none, user: {token: none}}]
contexts: [{name: none, context: {cluster: none, user: none}}]
`;

/** Resolves when a GET of the URL is answered with success. */
async function answers(url: string, signal: AbortSignal): Promise<void> {
  for (;;) {
    signal.throwIfAborted();
    const response = await fetch(url, { signal, headers: { connection: 'close' } }).catch(() => undefined);
    await response?.text();
    if (response?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** A file of an image: its mode as `ls` writes it, its owner as numbers. */
type ExportedFile = { readonly path: string; readonly mode: string; readonly owner: string };

async function listFiles(archive: string): Promise<ExportedFile[]> {
  const listing = await run('tar', ['--numeric-owner', '--list', '--verbose', '--file', archive], { signal: AbortSignal.timeout(60_000) });
  return listing.split('\n').map((line) => {
    const [mode = '', owner = '', , , , path = ''] = line.split(/ +/);
    return { mode, owner, path };
  });
}

describe.skipIf(!inject('kubeconfig'))('the agent of the worker image', () => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'modelfleet-agent-'));
    await chmod(directory, 0o777); // as a volume of the pod is for its user
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  test('runs in another image, where an init container has put it', async () => {
    const volume = `${directory}:/opt/modelfleet`;
    await docker(
      'run',
      '--rm',
      ...restricted,
      '--network',
      'none',
      '-v',
      volume,
      `modelfleet/worker:${version}-cpu`,
      'install',
      '/opt/modelfleet',
    );
    const program = ['--entrypoint', '/opt/modelfleet/node', `modelfleet/gateway:${version}`, '/opt/modelfleet/main.mjs'];
    const run = ['run', '--rm', ...restricted, '--network', 'none', '-v', `${volume}:ro`, ...program];
    expect(await docker(...run, 'worker', '--version')).toBe(version);
    expect(await docker(...run, 'worker', '--help')).toContain('--drain-timeout');
  });
});
