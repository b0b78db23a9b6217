import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generate } from 'selfsigned';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FakeClock } from '../../core/fake-clock.ts';
import { FakeApiServer, sendStatus } from '../testing/api-server.fake.ts';
import { KubeClient } from './kube-client.ts';
import { loadKubeConfig } from './kube-config.ts';
import { configMaps } from './resources.ts';

let directory: string;
const closers: (() => Promise<void>)[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kube-config-'));
});
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
  await rm(directory, { recursive: true });
});

type Parts = {
  readonly name?: string;
  readonly namespace?: string;
  readonly cluster: Record<string, unknown>;
  readonly user?: Record<string, unknown>;
};

/** Writes a kubeconfig of one context and answers its path. JSON is YAML. */
async function write(file: string, { name = 'here', namespace, cluster, user = {} }: Parts): Promise<string> {
  const path = join(directory, file);
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': name,
    clusters: [{ name, cluster }],
    users: [{ name, user }],
    contexts: [{ name, context: { cluster: name, user: name, ...(namespace !== undefined && { namespace }) } }],
  };
  await writeFile(path, JSON.stringify(config));
  return path;
}

async function start(tls?: Parameters<typeof FakeApiServer.start>[0]): Promise<FakeApiServer> {
  const server = await FakeApiServer.start(tls);
  closers.push(() => server.close());
  return server;
}

async function connect(parts: Parts, clock = new FakeClock()): Promise<KubeClient> {
  const client = KubeClient.fromKubeConfig(await loadKubeConfig({ path: await write('config', parts), env: {} }), { clock });
  closers.push(() => client.close());
  return client;
}

const base64 = (text: string) => Buffer.from(text).toString('base64');

/** A certificate for 127.0.0.1 by its own authority. */
async function certificate() {
  const names = { name: 'subjectAltName' as const, altNames: [{ type: 7 as const, ip: '127.0.0.1' }] };
  const made = await generate([{ name: 'commonName', value: 'fake' }], { keyType: 'ec', algorithm: 'sha256', extensions: [names] });
  return { key: made.private, cert: made.cert };
}

test('trusts the authority of the kubeconfig, and nobody without it', async () => {
  const tls = await certificate();
  const server = await start(tls);
  const trusting = await connect({
    cluster: { server: server.url, 'certificate-authority-data': base64(tls.cert) },
    user: { token: 'secret' },
  });
  await trusting.list(configMaps);
  expect(server.requests[0]?.headers.authorization).toBe('Bearer secret');
  const careful = await connect({ cluster: { server: server.url } });
  await expect(careful.list(configMaps)).rejects.toThrow(/certificate/);
  const careless = await connect({ cluster: { server: server.url, 'insecure-skip-tls-verify': true } });
  await careless.list(configMaps);
});

test('names the namespace of the context, if it has one', async () => {
  const cluster = { server: 'https://one:6443' };
  expect(await loadKubeConfig({ path: await write('a', { cluster, namespace: 'models' }), env: {} })).toMatchObject({
    namespace: 'models',
  });
  expect((await loadKubeConfig({ path: await write('b', { cluster }), env: {} })).namespace).toBeUndefined();
});

test('trusts by another name where told so', async () => {
  const tls = await certificate();
  const server = await start(tls);
  const cluster = { server: server.url, 'certificate-authority-data': base64(tls.cert), 'tls-server-name': 'somebody-else' };
  await expect((await connect({ cluster })).list(configMaps)).rejects.toThrow(/somebody-else/);
});

test('shows its client certificate', async () => {
  const [tls, own] = [await certificate(), await certificate()];
  const server = await start({ ...tls, ca: own.cert });
  const cluster = { server: server.url, 'certificate-authority-data': base64(tls.cert) };
  const user = { 'client-certificate-data': base64(own.cert), 'client-key-data': base64(own.key) };
  await (await connect({ cluster, user })).list(configMaps);
  await expect((await connect({ cluster })).list(configMaps)).rejects.toThrow();
});

test('speaks http where the cluster does, with user and password', async () => {
  const server = await start();
  const client = await connect({ cluster: { server: server.url }, user: { username: 'ada', password: 'pw' } });
  await client.list(configMaps);
  expect(server.requests[0]?.headers.authorization).toBe(`Basic ${base64('ada:pw')}`);
});

test('takes the new token of its file when the old one is refused', async () => {
  const server = await start();
  await writeFile(join(directory, 'token'), 'old\n');
  const client = await connect({ cluster: { server: server.url }, user: { tokenFile: 'token' } });
  await client.list(configMaps);
  await writeFile(join(directory, 'token'), 'new\n');
  server.once((_, response) => {
    sendStatus(response, 401, 'Unauthorized');
    return true;
  });
  await client.list(configMaps);
  expect(server.requests.map((request) => request.headers.authorization)).toEqual(['Bearer old', 'Bearer old', 'Bearer new']);
});

test('a second 401 is the answer', async () => {
  const server = await start();
  const client = await connect({ cluster: { server: server.url }, user: { token: 'wrong' } });
  for (let i = 0; i < 2; i++) {
    server.once((_, response) => {
      sendStatus(response, 401, 'Unauthorized');
      return true;
    });
  }
  await expect(client.list(configMaps)).rejects.toMatchObject({ code: 401 });
  expect(server.requests).toHaveLength(2);
});

test('asks the exec plugin once, and says so when that fails', async () => {
  const server = await start();
  const credential = JSON.stringify({
    apiVersion: 'client.authentication.k8s.io/v1',
    kind: 'ExecCredential',
    status: { token: 'from-plugin' },
  });
  const exec = (command: string, args: string[]) => ({ exec: { apiVersion: 'client.authentication.k8s.io/v1', command, args } });
  const client = await connect({ cluster: { server: server.url }, user: exec(process.execPath, ['-p', JSON.stringify(credential)]) });
  await client.list(configMaps);
  expect(server.requests[0]?.headers.authorization).toBe('Bearer from-plugin');
  const broken = await connect({ cluster: { server: server.url }, user: exec('/no/such/plugin', []) });
  await expect(broken.list(configMaps)).rejects.toThrow(/\/no\/such\/plugin/);
});

test('merges the files of KUBECONFIG: the first names the context', async () => {
  const first = await write('one', { name: 'one', cluster: { server: 'https://one:6443' } });
  const second = await write('two', { name: 'two', cluster: { server: 'https://two:6443' } });
  const env = { KUBECONFIG: `${first}:${second}` };
  expect((await loadKubeConfig({ env })).server).toBe('https://one:6443');
  expect((await loadKubeConfig({ env, context: 'two' })).server).toBe('https://two:6443');
});

test('says what is wrong with a kubeconfig', async () => {
  await expect(loadKubeConfig({ path: join(directory, 'none') })).rejects.toThrow(
    `cannot read the kubeconfig ${join(directory, 'none')}: ENOENT`,
  );
  await expect(loadKubeConfig({ env: { HOME: directory } })).rejects.toThrow('no kubeconfig: name one with --kubeconfig');
  const path = await write('config', { cluster: { server: 'https://here:6443' } });
  await expect(loadKubeConfig({ path, context: 'there' })).rejects.toThrow('the context "there"');
  await writeFile(path, '{ not yaml');
  await expect(loadKubeConfig({ path })).rejects.toThrow(`cannot read the kubeconfig ${path}`);
});
