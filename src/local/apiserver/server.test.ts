import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Agent, request } from 'undici';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { TestApiServer } from '../../../test/fakes/api-server.ts';
import { FakeClock } from '../../core/fake-clock.ts';
import type { JsonObject } from '../../core/json.ts';
import { silentLogger } from '../../core/logger.ts';
import { type LogSource, LogsUnavailableError } from './logs.ts';
import { startApiServer } from './server.ts';

async function folder(): Promise<{ path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'modelfleet-server-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

const pod: JsonObject = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p' },
  spec: { containers: [{ name: 'main', image: 'worker' }] },
};

test('lets in only who has the token, but tells everybody its health and version', async () => {
  await using api = await TestApiServer.start();
  const agent = new Agent({ connect: { ca: api.server.caCertificate } });
  const anonymous = async (path: string, authorization = '') => {
    const answer = await request(`${api.server.url}${path}`, { dispatcher: agent, headers: { authorization } });
    return { code: answer.statusCode, text: await answer.body.text() };
  };

  expect(await anonymous('/readyz')).toEqual({ code: 200, text: 'ok' });
  expect(JSON.parse((await anonymous('/version')).text)).toMatchObject({ major: '1', minor: '35' });
  expect((await anonymous('/api/v1/pods')).code).toBe(401);
  expect(JSON.parse((await anonymous('/api/v1/pods', 'Bearer wrong')).text)).toMatchObject({
    kind: 'Status',
    code: 401,
    reason: 'Unauthorized',
  });
  expect((await anonymous('/api/v1/pods', `Bearer ${api.server.token}`)).code).toBe(200);
  await agent.close();
});

test('keeps its token, certificates and port-independent kubeconfig private', async () => {
  await using state = await folder();
  const kubeconfigPath = join(state.path, 'kubeconfig');
  const server = await startApiServer({ stateDir: state.path, logger: silentLogger, kubeconfigPath });
  await server.close();

  for (const file of ['token', 'ca.json', 'server.json', 'journal.ndjson', 'kubeconfig']) {
    expect((await stat(join(state.path, file))).mode & 0o777, file).toBe(0o600);
  }
  const kubeconfig = parse(await readFile(kubeconfigPath, 'utf8'));
  expect(kubeconfig.clusters[0].cluster.server).toBe(server.url);
  expect(kubeconfig.users[0].user.token).toBe(server.token);
  expect(Buffer.from(kubeconfig.clusters[0].cluster['certificate-authority-data'], 'base64').toString()).toBe(server.caCertificate);
});

test('continues with the same objects, token and authority after a restart', async () => {
  await using state = await folder();
  const first = await TestApiServer.start({ stateDir: state.path });
  const { body } = await first.post('/api/v1/namespaces/default/configmaps', {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'a' },
  });
  await using second = await first.restart();

  expect((await second.get('/api/v1/namespaces/default/configmaps/a')).body).toEqual(body);
  expect(second.server.token).toBe(first.server.token);
  expect(second.server.caCertificate).toBe(first.server.caCertificate);
});

test('closing ends open watches and finishes', async () => {
  const api = await TestApiServer.start();
  const watching = (async () => {
    for await (const { type } of api.watch('/api/v1/namespaces?watch=true')) if (type === 'never') break;
  })();
  while (api.server.faults.openWatches() === 0) await new Promise(setImmediate);

  await api.server.close();

  await watching;
  await api[Symbol.asyncDispose]();
});

test('a taken port is an error that says so', async () => {
  await using state = await folder();
  await using api = await TestApiServer.start();

  await expect(startApiServer({ stateDir: state.path, port: api.server.port, logger: silentLogger })).rejects.toMatchObject({
    code: 'EADDRINUSE',
  });
});

test('a start that fails leaves nothing running', async () => {
  await using state = await folder();
  const clock = new FakeClock(Date.now());
  const kubeconfigPath = join(state.path, 'no-such-folder', 'kubeconfig');

  await expect(startApiServer({ stateDir: state.path, kubeconfigPath, clock, logger: silentLogger })).rejects.toMatchObject({
    code: 'ENOENT',
  });
  expect(clock.sleeping).toBe(0);
});

test('a damaged journal stops the start with its name', async () => {
  await using state = await folder();
  await (await startApiServer({ stateDir: state.path, logger: silentLogger })).close();
  const path = join(state.path, 'journal.ndjson');
  await writeFile(path, `garbage\n${await readFile(path, 'utf8')}`);

  await expect(startApiServer({ stateDir: state.path, logger: silentLogger })).rejects.toThrow(`The journal ${path} is damaged at byte 0`);
});

test('streams the log of a container with the options of the request', async () => {
  const asked: unknown[] = [];
  const logs: LogSource = {
    async open(ref, options) {
      asked.push(ref, options);
      if (options.previous) throw new LogsUnavailableError('previous terminated container "main" in pod "p" not found');
      return (async function* () {
        yield Buffer.from('one\n');
        yield Buffer.from('two\n');
      })();
    },
  };
  await using api = await TestApiServer.start({ logs });
  await api.post('/api/v1/namespaces/default/pods', pod);
  const path = '/api/v1/namespaces/default/pods/p/log';

  const answer = await api.get(`${path}?tailLines=2&timestamps=true`);

  expect(answer).toMatchObject({ code: 200, text: 'one\ntwo\n', headers: { 'content-type': 'text/plain' } });
  expect(asked).toEqual([
    { namespace: 'default', pod: 'p', container: 'main' },
    { follow: false, previous: false, timestamps: true, tailLines: 2 },
  ]);
  expect((await api.get(`${path}?previous=true`)).body).toMatchObject({ code: 400, message: expect.stringContaining('not found') });
  expect((await api.get(`${path}?container=other`)).body).toMatchObject({ code: 400, message: 'container other is not valid for pod p' });
  expect((await api.get('/api/v1/namespaces/default/pods/none/log')).code).toBe(404);
});

test('stops reading a followed log when the client leaves', async () => {
  const stopped = Promise.withResolvers<void>();
  const logs: LogSource = {
    async open(_ref, _options, signal) {
      signal.addEventListener('abort', () => stopped.resolve(), { once: true });
      return (async function* () {
        yield Buffer.from('first\n');
        await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }));
      })();
    },
  };
  await using api = await TestApiServer.start({ logs });
  await api.post('/api/v1/namespaces/default/pods', pod);
  const leave = new AbortController();

  const following = api.get('/api/v1/namespaces/default/pods/p/log?follow=true', { signal: leave.signal });
  setImmediate(() => leave.abort());

  await expect(following).rejects.toThrow();
  // Aborting before the request was sent would leave nothing to stop: ask once more with the log surely open.
  const agent = new Agent({ connect: { ca: api.server.caCertificate } });
  const open = await request(`${api.server.url}/api/v1/namespaces/default/pods/p/log?follow=true`, {
    dispatcher: agent,
    headers: { authorization: `Bearer ${api.server.token}` },
  });
  open.body.on('error', () => {});
  open.body.destroy();
  await stopped.promise;
  await agent.destroy();
});
