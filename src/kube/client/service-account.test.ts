import { mkdtemp, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises';
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
let clock: FakeClock;
let tls: { key: string; cert: string };
let server: FakeApiServer;
let clients: KubeClient[];

beforeEach(async () => {
  clients = [];
  clock = new FakeClock();
  directory = await mkdtemp(join(tmpdir(), 'service-account-'));
  tls = await certificate();
  server = await FakeApiServer.start(tls);
  await mount({ token: 'first\n', 'ca.crt': tls.cert });
});
afterEach(async () => {
  for (const client of clients) await client.close();
  await server.close();
  await rm(directory, { recursive: true });
});

async function certificate() {
  const names = { name: 'subjectAltName' as const, altNames: [{ type: 7 as const, ip: '127.0.0.1' }] };
  const made = await generate([{ name: 'commonName', value: 'fake' }], { keyType: 'ec', algorithm: 'sha256', extensions: [names] });
  return { key: made.private, cert: made.cert };
}

/** Swaps files as the kubelet does: each is a link whose target changes at once. */
async function mount(files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    const data = join(directory, `..${name}-${clock.now()}-${text.length}`);
    await writeFile(data, text);
    await symlink(data, join(directory, `${name}.new`));
    await rename(join(directory, `${name}.new`), join(directory, name));
  }
}

const env = (host: string, port = '443') => ({ KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port });
const load = (variables: Record<string, string>) => loadKubeConfig({ env: variables, serviceAccountDir: directory });

async function connect(): Promise<KubeClient> {
  const { hostname, port } = new URL(server.url);
  const client = KubeClient.fromKubeConfig(await load(env(hostname, port)), { clock });
  clients.push(client);
  return client;
}

const tokens = () => server.requests.map(({ headers }) => headers.authorization);

test('a pod finds its API server by name, IPv4 or IPv6 address', async () => {
  const servers = await Promise.all(['10.96.0.1', 'fd00:10:96::1', 'kubernetes.local'].map(async (host) => (await load(env(host))).server));
  expect(servers).toEqual(['https://10.96.0.1:443', 'https://[fd00:10:96::1]:443', 'https://kubernetes.local:443']);
  await expect(load({ KUBERNETES_SERVICE_HOST: '10.96.0.1' })).rejects.toThrow('KUBERNETES_SERVICE_PORT');
});

test('a kubeconfig or context that is named wins over the service account', async () => {
  const home = { HOME: directory, ...env('10.96.0.1') };
  await expect(loadKubeConfig({ env: home, serviceAccountDir: directory, context: 'c' })).rejects.toThrow('no kubeconfig');
  await expect(loadKubeConfig({ env: home, serviceAccountDir: directory, path: '/none' })).rejects.toThrow('/none');
});

test('follows the token as the kubelet renews it', async () => {
  const client = await connect();
  await client.list(configMaps);
  await mount({ token: 'second' });
  await client.list(configMaps);
  await clock.advance(10_000);
  await client.list(configMaps);
  expect(tokens()).toEqual(['Bearer first', 'Bearer first', 'Bearer second']);
});

test('reads the token again at once when it is refused', async () => {
  const client = await connect();
  await client.list(configMaps);
  await mount({ token: 'second' });
  server.once((_, response) => {
    sendStatus(response, 401, 'Unauthorized');
    return true;
  });
  await client.list(configMaps);
  expect(tokens()).toEqual(['Bearer first', 'Bearer first', 'Bearer second']);
});

test('trusts the authority of its file, and the next one once that has changed', async () => {
  await mount({ 'ca.crt': (await certificate()).cert });
  const client = await connect();
  await expect(client.list(configMaps)).rejects.toThrow(/certificate/);
  await mount({ 'ca.crt': tls.cert });
  await clock.advance(10_000);
  await client.list(configMaps);
});

test('a file that cannot be read is an error at first, and later no reason to forget what it said', async () => {
  const client = await connect();
  await unlink(join(directory, 'ca.crt'));
  await expect(client.list(configMaps)).rejects.toThrow(`cannot read the pod's service account in ${directory}`);
  await mount({ 'ca.crt': tls.cert });
  await client.list(configMaps);
  await unlink(join(directory, 'token'));
  await clock.advance(10_000);
  await client.list(configMaps);
  await mount({ token: 'second' });
  await client.list(configMaps);
  expect(tokens()).toEqual(['Bearer first', 'Bearer first', 'Bearer second']);
});
