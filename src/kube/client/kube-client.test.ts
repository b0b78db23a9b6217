import { afterEach, beforeEach, expect, test } from 'vitest';
import { FakeClock } from '../../core/fake-clock.ts';
import { FakeApiServer, type SeenRequest, sendJson, sendStatus } from '../testing/api-server.fake.ts';
import { eventually } from '../testing/eventually.fake.ts';
import { ApiError, ConnectionError, isAlreadyExists, isConflict, isExpired, isNotFound, WriteRefused } from './api-error.ts';
import { KubeClient } from './kube-client.ts';
import { type ConfigMap, configMaps, nodes } from './resources.ts';

let server: FakeApiServer;
let client: KubeClient;
const signal = new AbortController().signal;

beforeEach(async () => {
  server = await FakeApiServer.start();
  client = KubeClient.fromServer({ url: server.url, token: 'secret\n' });
});
afterEach(async () => {
  await client.close();
  await server.close();
});

const configMap = (name: string, data: Record<string, string> = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { namespace: 'default', name },
  data,
});
const last = (): SeenRequest | undefined => server.requests.at(-1);

test('creates, reads, updates, patches and deletes', async () => {
  const created = await client.create(configMaps, { metadata: { namespace: 'default', name: 'a' }, data: { x: '1' } });
  expect(created).toMatchObject({ apiVersion: 'v1', kind: 'ConfigMap', data: { x: '1' } });
  const updated = await client.update(configMaps, { ...created, data: { x: '2' } });
  expect(updated.metadata.resourceVersion).not.toBe(created.metadata.resourceVersion);
  await client.mergePatch(configMaps, { namespace: 'default', name: 'a' }, { data: { x: null, y: '3' } });
  expect((await client.get(configMaps, { namespace: 'default', name: 'a' })).data).toEqual({ y: '3' });
  await client.delete(configMaps, { namespace: 'default', name: 'a' });
  await expect(client.get(configMaps, { namespace: 'default', name: 'a' })).rejects.toSatisfy(isNotFound);
});

test('says who it is, and with which credential', async () => {
  server.put('nodes', { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n' } });
  await client.get(nodes, { name: 'n' });
  expect(last()?.headers).toMatchObject({ authorization: 'Bearer secret', accept: 'application/json' });
  expect(last()?.headers['user-agent']).toMatch(/^modelfleet /);
});

test('sends an apply as its field manager, a write with its subresource and dry run, a delete with its preconditions', async () => {
  await client.apply(configMaps, configMap('a', { x: '1' }), { force: true });
  expect(last()).toMatchObject({ method: 'PATCH', headers: { 'content-type': 'application/apply-patch+yaml' } });
  expect(Object.fromEntries(last()?.query ?? [])).toEqual({ fieldManager: 'modelfleet', force: 'true' });
  await client.mergePatch(
    configMaps,
    { namespace: 'default', name: 'a' },
    { data: {} },
    { subresource: 'status', dryRun: true, fieldManager: 'me', fieldValidation: 'Strict' },
  );
  expect(last()).toMatchObject({ path: '/api/v1/namespaces/default/configmaps/a/status' });
  expect(Object.fromEntries(last()?.query ?? [])).toEqual({ fieldManager: 'me', dryRun: 'All', fieldValidation: 'Strict' });
  await client.delete(
    configMaps,
    { namespace: 'default', name: 'a' },
    { uid: 'u', gracePeriodSeconds: 0, propagationPolicy: 'Foreground' },
  );
  expect(last()?.body).toMatchObject({ preconditions: { uid: 'u' }, gracePeriodSeconds: 0, propagationPolicy: 'Foreground' });
});

test('keeps what is written, whatever characters it has', async () => {
  const data = { x: 'a<b>&c \u2028\u2029 "\\\\u0026" €' };
  await client.create(configMaps, { metadata: { namespace: 'default', name: 'a' }, data });
  expect((await client.get(configMaps, { namespace: 'default', name: 'a' })).data).toEqual(data);
});

test('sends the operations of a JSON patch, and tells when their test fails', async () => {
  const operations = [{ op: 'test', path: '/data/x', value: '1' }] as const;
  server.once(({ method }, response) => {
    if (method === 'PATCH') sendStatus(response, 422, 'Invalid');
    return method === 'PATCH';
  });
  const patched = client.jsonPatch(configMaps, { namespace: 'default', name: 'a' }, operations);
  await expect(patched).rejects.toMatchObject({ code: 422, reason: 'Invalid' });
  expect(last()).toMatchObject({ method: 'PATCH', headers: { 'content-type': 'application/json-patch+json' }, body: operations });
});

test('keeps the Status of a refusal, and tells a conflict from a taken name', async () => {
  const stored = server.put('configmaps', configMap('a'));
  server.put('configmaps', configMap('a', { newer: '1' }));
  const conflict = await client.update(configMaps, stored as ConfigMap).catch((error: unknown) => error);
  expect(conflict).toBeInstanceOf(ApiError);
  expect(conflict).toMatchObject({ code: 409, reason: 'Conflict', status: { kind: 'Status', message: 'it is Conflict' } });
  expect([isConflict(conflict), isAlreadyExists(conflict)]).toEqual([true, false]);
  const taken = await client.create(configMaps, configMap('a')).catch((error: unknown) => error);
  expect([isConflict(taken), isAlreadyExists(taken)]).toEqual([false, true]);
});

test('makes a Status of an answer that is none', async () => {
  server.once((_, response) => {
    response.writeHead(502).end('<html>bad gateway</html>');
    return true;
  });
  await expect(client.get(nodes, { name: 'n' })).rejects.toMatchObject({ code: 502, status: { message: '<html>bad gateway</html>' } });
});

test('refuses a reference that does not fit the scope before it asks', async () => {
  await expect(client.get(configMaps, { name: 'a' })).rejects.toThrow('a ConfigMap needs a namespace');
  await expect(client.get(nodes, { name: '' })).rejects.toThrow('a Node needs a name');
  expect(server.requests).toEqual([]);
});

test('follows every page of a list and fills in what built-in lists leave out', async () => {
  for (let i = 0; i < 7; i++) server.put('configmaps', configMap(`c${i}`));
  const { items, resourceVersion } = await client.list(configMaps, { limit: 3 });
  expect(items.map((item) => item.metadata.name)).toEqual(['c0', 'c1', 'c2', 'c3', 'c4', 'c5', 'c6']);
  expect(items[6]).toMatchObject({ apiVersion: 'v1', kind: 'ConfigMap' });
  expect(resourceVersion).toBe('7');
  expect(server.requests).toHaveLength(3);
});

test('keeps of each object of a list what it is told to', async () => {
  for (let i = 0; i < 3; i++) server.put('configmaps', configMap(`c${i}`));
  const { items } = await client.list(
    configMaps,
    { limit: 2 },
    { keep: (object) => ({ ...object, data: { kept: object.metadata.name } }) },
  );
  expect(items.map(({ data }) => data?.kept)).toEqual(['c0', 'c1', 'c2']);
  expect(server.requests.every(({ query }) => !query.has('keep'))).toBe(true);
});

test('asks for the next page while the server still writes the one before', async () => {
  let end = () => {};
  server.once((_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.write('{"metadata":{"resourceVersion":"9","continue":"more"},"items":[');
    end = () => response.end(`${JSON.stringify(configMap('a'))}]}`);
    return true;
  });
  server.once((_, response) => {
    end();
    sendJson(response, 200, { metadata: { resourceVersion: '9' }, items: [configMap('b')] });
    return true;
  });
  const { items } = await client.list(configMaps, { limit: 1 });
  expect(items.map(({ metadata }) => metadata.name)).toEqual(['a', 'b']);
});

test('follows the pages of a server that writes its metadata behind the items', async () => {
  const page = (name: string, metadata: Readonly<Record<string, string>>) =>
    server.once((_, response) => {
      sendJson(response, 200, { items: [configMap(name)], metadata: { resourceVersion: '9', ...metadata } });
      return true;
    });
  page('a', { continue: 'more' });
  page('b', {});
  const { items } = await client.list(configMaps, { limit: 1 });
  expect(items.map(({ metadata }) => metadata.name)).toEqual(['a', 'b']);
  expect(last()?.query.get('continue')).toBe('more');
});

test('takes the list anew in one piece when its snapshot expires between two pages', async () => {
  for (let i = 0; i < 5; i++) server.put('configmaps', configMap(`c${i}`));
  server.once((request, response) => {
    if (!request.query.has('continue')) return false;
    server.put('configmaps', configMap('late'));
    sendStatus(response, 410, 'Expired');
    return true;
  });
  const { items, resourceVersion } = await client.list(configMaps, { limit: 2 });
  expect(items).toHaveLength(6);
  expect(resourceVersion).toBe('6');
  expect(last()?.query.has('limit')).toBe(false);
});

test('a list of nothing is empty', async () => {
  server.once((_, response) => {
    sendJson(response, 200, { metadata: { resourceVersion: '1' }, items: null });
    return true;
  });
  expect(await client.list(configMaps)).toEqual({ items: [], resourceVersion: '1' });
});

test('waits as long as a 429 asks, and gives up after some', async () => {
  const clock = new FakeClock();
  const patient = KubeClient.fromServer({ url: server.url }, { clock });
  server.put('nodes', { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n' } });
  const throttle = () =>
    server.once((_, response) => {
      sendStatus(response, 429, 'TooManyRequests', { 'retry-after': '5' });
      return true;
    });
  throttle();
  const answer = patient.get(nodes, { name: 'n' });
  // One sleep is the deadline, the other the wait.
  await eventually(() => expect(clock.sleeping).toBe(2));
  expect(server.requests).toHaveLength(1);
  await clock.advance(4_999);
  expect(server.requests).toHaveLength(1);
  await clock.advance(1);
  expect((await answer).metadata.name).toBe('n');

  for (let i = 0; i < 4; i++) throttle();
  const refused = expect(patient.get(nodes, { name: 'n' })).rejects.toMatchObject({ code: 429, retryAfterMs: 5_000 });
  for (let i = 0; i < 3; i++) {
    await eventually(() => expect(clock.sleeping).toBe(2));
    await clock.advance(5_000);
  }
  await refused;
  await patient.close();
});

test('ends a call that gets no answer in time, or whose caller goes away', async () => {
  const silent = () => server.once(() => true);
  silent();
  const late = await client.get(nodes, { name: 'n' }, { timeoutMs: 30 }).catch((error: unknown) => error);
  expect(late).toBeInstanceOf(ConnectionError);
  expect(late).toMatchObject({ message: 'GET /api/v1/nodes/n: no answer within 0.03 s', cause: { name: 'TimeoutError' } });
  silent();
  const gone = new AbortController();
  const call = client.get(nodes, { name: 'n' }, { signal: gone.signal });
  gone.abort(new Error('enough'));
  await expect(call).rejects.toThrow('enough');
});

test('says what it asked for when nobody answers', async () => {
  const { url } = server;
  await server.close();
  const error = await client.get(nodes, { name: 'n' }).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(ConnectionError);
  expect(String(error)).toContain(`GET ${url}/api/v1/nodes/n`);
  expect((error as ConnectionError).cause).toBeDefined();
  server = await FakeApiServer.start();
});

test('calls share their connections', async () => {
  for (let i = 0; i < 20; i++) await client.list(configMaps);
  // Two: the pool may open a second one while the first is still being freed.
  expect(new Set(server.requests.map((request) => request.remotePort)).size).toBeLessThanOrEqual(2);
});

test('reports every answer to its observer', async () => {
  const seen: string[] = [];
  const observed = KubeClient.fromServer({ url: server.url }, { onResponse: ({ method, code }) => seen.push(`${method} ${code}`) });
  await observed.list(configMaps);
  await observed.get(nodes, { name: 'n' }).catch(() => {});
  await observed.close();
  await observed.get(nodes, { name: 'n' }).catch(() => {});
  expect(seen).toEqual(['GET 200', 'GET 404', 'GET <error>']);
});

async function collect<V>(events: AsyncIterable<V>): Promise<V[]> {
  const seen: V[] = [];
  for await (const event of events) seen.push(event);
  return seen;
}

async function* first<V>(events: AsyncIterable<V>, count: number): AsyncGenerator<V> {
  if (count === 0) return;
  for await (const event of events) {
    yield event;
    if (--count === 0) return;
  }
}

test('watches: the past from a resourceVersion, then the present, then a bookmark', async () => {
  server.put('configmaps', configMap('before'));
  server.put('configmaps', configMap('after'));
  const watching = collect(first(client.watch(configMaps, { resourceVersion: '1', allowWatchBookmarks: true }, signal), 3));
  await eventually(() => expect(server.openWatches).toBe(1));
  server.remove('configmaps', 'default', 'before');
  server.sendBookmarks();
  const seen = await watching;
  expect(seen.map(({ type }) => type)).toEqual(['ADDED', 'DELETED', 'BOOKMARK']);
  expect(seen[2]?.object).toEqual({ metadata: { resourceVersion: '3' } });
  await eventually(() => expect(server.openWatches).toBe(0));
});

test('a watch of an expired version is refused in either shape', async () => {
  server.put('configmaps', configMap('a'));
  server.compact();
  const begin = () => collect(client.watch(configMaps, { resourceVersion: '0' }, signal));
  await expect(begin()).rejects.toSatisfy(isExpired);
  server.expiredShape = 'event';
  expect(await begin()).toMatchObject([{ type: 'ERROR', object: { code: 410 } }]);
});

test('a silent watch ends after the idle limit, an aborted one with its reason', async () => {
  await expect(collect(client.watch(configMaps, { resourceVersion: '0', idleMs: 50 }, signal))).rejects.toBeInstanceOf(ConnectionError);
  const stop = new AbortController();
  const watching = collect(client.watch(configMaps, { resourceVersion: '0' }, stop.signal));
  await eventually(() => expect(server.openWatches).toBe(1));
  stop.abort(new Error('stop'));
  await expect(watching).rejects.toThrow('stop');
});

test('a cut watch and a garbled one are lost connections', async () => {
  const cut = collect(client.watch(configMaps, { resourceVersion: '0' }, signal));
  await eventually(() => expect(server.openWatches).toBe(1));
  server.cutWatches();
  await expect(cut).rejects.toBeInstanceOf(ConnectionError);
  server.once((_, response) => {
    response.writeHead(200).end('{"type":"SURPRISE","object":{}}\n');
    return true;
  });
  await expect(collect(client.watch(configMaps, { resourceVersion: '0' }, signal))).rejects.toThrow('unknown type "SURPRISE"');
});

test('reads and writes the scale subresource', async () => {
  const scale = { apiVersion: 'autoscaling/v1', kind: 'Scale', metadata: { namespace: 'default', name: 'a' }, spec: { replicas: 2 } };
  server.once((request, response) => {
    sendJson(response, 200, request.path.endsWith('/configmaps/a/scale') ? scale : {});
    return true;
  });
  const ref = { namespace: 'default', name: 'a' };
  const read = await client.getScale(configMaps, ref);
  expect(read.spec?.replicas).toBe(2);
  server.put('configmaps', configMap('a'));
  await client.updateScale(configMaps, ref, { ...read, spec: { replicas: 3 } });
  expect(last()).toMatchObject({ method: 'PUT', path: '/api/v1/namespaces/default/configmaps/a/scale', body: { spec: { replicas: 3 } } });
});

test('sends no write that is refused before it', async () => {
  const guarded = KubeClient.fromServer(
    { url: server.url },
    {
      beforeWrite: () => {
        throw new WriteRefused('not now');
      },
    },
  );
  await expect(guarded.create(configMaps, configMap('a'))).rejects.toThrow(WriteRefused);
  expect((await guarded.list(configMaps)).items).toEqual([]);
  expect(server.requests.map(({ method }) => method)).toEqual(['GET']);
  await guarded.close();
});
