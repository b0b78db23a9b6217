import { connect } from 'node:tls';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { TestApiServer } from '../../../../test/fakes/api-server.ts';
import { FakeClock } from '../../../core/fake-clock.ts';
import { isJsonObject, type JsonObject } from '../../../core/json.ts';

let api: TestApiServer;
let namespace: string;
let count = 0;
beforeAll(async () => {
  api = await TestApiServer.start({ historySize: 200 });
});
afterAll(() => api[Symbol.asyncDispose]());
beforeEach(async () => {
  namespace = `watched-${++count}`;
  await api.post('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
});

const path = () => `/api/v1/namespaces/${namespace}/configmaps`;
const configMap = (name: string, labels: JsonObject = {}, data: JsonObject = {}): JsonObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, labels },
  data,
});
const metadata = (object: JsonObject): JsonObject => (isJsonObject(object.metadata) ? object.metadata : {});
const revision = (object: JsonObject) => String(metadata(object).resourceVersion);

type Event = { type: string; object: JsonObject };
const brief = ({ type, object }: Event) => `${type} ${String(metadata(object).name ?? '')}`;

async function take(events: AsyncIterable<Event>, enough: (seen: readonly Event[]) => boolean): Promise<Event[]> {
  const seen: Event[] = [];
  for await (const event of events) {
    seen.push(event);
    if (enough(seen)) break;
  }
  return seen;
}

test('tells every change after the revision it starts from', async () => {
  const start = revision((await api.get(path())).body);
  await api.post(path(), configMap('a'));
  await api.mergePatch(`${path()}/a`, { data: { k: 'v' } });
  await api.delete(`${path()}/a`);

  const seen = await take(api.watch(`${path()}?watch=true&resourceVersion=${start}`), ({ length }) => length === 3);

  expect(seen.map(brief)).toEqual(['ADDED a', 'MODIFIED a', 'DELETED a']);
  expect(Number(revision(seen[2]?.object ?? {}))).toBeGreaterThan(Number(revision(seen[1]?.object ?? {})));
});

test('without a revision, begins with what is there', async () => {
  await api.post(path(), configMap('a'));
  await api.post(path(), configMap('b'));

  expect((await take(api.watch(`${path()}?watch=1`), ({ length }) => length === 2)).map(brief)).toEqual(['ADDED a', 'ADDED b']);
});

test('a watch list ends its initial events with a marked bookmark', async () => {
  await api.post(path(), configMap('a'));
  const watching = api.watch(`${path()}?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true`);

  const seen = await take(watching, (events) => events.at(-1)?.type === 'BOOKMARK');

  expect(seen.map(brief)).toEqual(['ADDED a', 'BOOKMARK ']);
  expect(seen[1]?.object).toMatchObject({ kind: 'ConfigMap', apiVersion: 'v1' });
  expect(metadata(seen[1]?.object ?? {})).toMatchObject({
    annotations: { 'k8s.io/initial-events-end': 'true' },
    resourceVersion: expect.any(String),
  });
});

test('an object that leaves the selection is deleted for its watcher', async () => {
  const start = revision((await api.get(path())).body);
  await api.post(path(), configMap('a', { colour: 'red' }));
  await api.mergePatch(`${path()}/a`, { metadata: { labels: { colour: 'blue' } } });
  await api.mergePatch(`${path()}/a`, { data: { k: 'unseen' } });
  await api.mergePatch(`${path()}/a`, { metadata: { labels: { colour: 'red' } } });

  const seen = await take(
    api.watch(`${path()}?watch=true&labelSelector=colour=red&resourceVersion=${start}`),
    ({ length }) => length === 3,
  );

  expect(seen.map(brief)).toEqual(['ADDED a', 'DELETED a', 'ADDED a']);
  expect(metadata(seen[1]?.object ?? {}).labels).toEqual({ colour: 'red' });
});

test('ends after timeoutSeconds with a bookmark at the newest revision', async () => {
  const watching = api.watch(
    `${path()}?watch=true&timeoutSeconds=1&allowWatchBookmarks=true&resourceVersion=${revision((await api.get(path())).body)}`,
  );
  await api.post('/api/v1/namespaces/default/secrets', { apiVersion: 'v1', kind: 'Secret', metadata: { generateName: 'other-' } });
  const newest = revision((await api.get(path())).body);

  const seen = await take(watching, () => false);

  expect(seen.map(({ type }) => type)).toEqual(['BOOKMARK']);
  expect(Number(revision(seen[0]?.object ?? {}))).toBeGreaterThanOrEqual(Number(newest));
});

test('a revision that is forgotten is an ERROR event of code 410', async () => {
  await api.post(path(), configMap('a'));
  for (let n = 0; n < 260; n += 20) {
    await Promise.all(Array.from({ length: 20 }, (_, i) => api.mergePatch(`${path()}/a`, { data: { [`k${i}`]: String(n) } })));
  }

  const [event] = await take(api.watch(`${path()}?watch=true&resourceVersion=1`), () => true);

  expect(event).toMatchObject({ type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired' } });
});

test('a watcher that does not read for half a minute is cut', async () => {
  const clock = new FakeClock();
  await using slow = await TestApiServer.start({ clock });
  const { port, caCertificate, token, faults } = slow.server;
  const path = '/api/v1/namespaces/default/configmaps';
  await slow.post(path, configMap('a'));
  const socket = connect({ port, host: '127.0.0.1', ca: caCertificate });
  socket.on('error', () => {}); // Being cut is the point.
  socket.pause();
  socket.write(`GET ${path}?watch=true HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${token}\r\n\r\n`);
  while (faults.openWatches() === 0) await new Promise(setImmediate);

  // At some time the socket buffers of both sides are full.
  let writes = 0;
  while (faults.openWatches() > 0 && writes < 600) {
    await Promise.all(Array.from({ length: 20 }, () => slow.mergePatch(`${path}/a`, { data: { k: `${++writes}`.padEnd(200_000, 'x') } })));
    await clock.advance(31_000);
  }

  expect(faults.openWatches()).toBe(0);
  expect(writes).toBeLessThan(600);
  socket.destroy();
});

test('faults expire watches in both shapes, cut them, and drop bookmarks', async () => {
  const { faults } = api.server;
  const mine = { resource: 'configmaps', namespace };
  const opened = async () => {
    while (faults.openWatches(mine) === 0) await new Promise(setImmediate);
  };

  faults.refuseWatches(mine);
  expect(await api.get(`${path()}?watch=true`)).toMatchObject({ code: 410, body: { reason: 'Gone' } });

  const expiring = take(api.watch(`${path()}?watch=true`), () => true);
  await opened();
  faults.expireWatches(mine);
  expect(await expiring).toMatchObject([{ type: 'ERROR', object: { code: 410 } }]);

  const cut = take(api.watch(`${path()}?watch=true`), () => false);
  await opened();
  faults.cutWatches(mine);
  await expect(cut).rejects.toThrow();

  const restore = faults.dropBookmarks(mine);
  expect(await take(api.watch(`${path()}?watch=true&timeoutSeconds=1&allowWatchBookmarks=true`), () => false)).toEqual([]);
  restore();
});

test('injected failures answer the next matching requests only', async () => {
  const { faults } = api.server;
  faults.next({ verb: 'create', resource: 'configmaps', namespace }, { kind: 'fail', status: 429, retryAfterSeconds: 7 });
  faults.next({ verb: 'get', resource: 'configmaps', namespace }, { kind: 'fail', status: 500 }, 2);

  expect(await api.post(path(), configMap('a'))).toMatchObject({
    code: 429,
    headers: { 'retry-after': '7' },
    body: { reason: 'TooManyRequests' },
  });
  expect((await api.post(path(), configMap('a'))).code).toBe(201);
  expect([(await api.get(`${path()}/a`)).code, (await api.get(`${path()}/a`)).code, (await api.get(`${path()}/a`)).code]).toEqual([
    500, 500, 200,
  ]);
});

test('a cut connection leaves the effect or not, as asked', async () => {
  const { faults } = api.server;
  faults.next({ verb: 'create', resource: 'configmaps', namespace }, { kind: 'cut' });
  await expect(api.post(path(), configMap('before'))).rejects.toThrow();
  faults.next({ verb: 'create', resource: 'configmaps', namespace }, { kind: 'cut', afterEffect: true });
  await expect(api.post(path(), configMap('after'))).rejects.toThrow();

  expect((await api.get(`${path()}/before`)).code).toBe(404);
  expect((await api.get(`${path()}/after`)).code).toBe(200);
});

test('a stale list or get answers from an older revision', async () => {
  await api.post(path(), configMap('a'));
  await api.post(path(), configMap('b'));
  api.server.faults.next({ verb: 'get', resource: 'configmaps' }, { kind: 'stale', revisions: 1 });
  expect([(await api.get(`${path()}/b`)).code, (await api.get(`${path()}/b`)).code]).toEqual([404, 200]);
  api.server.faults.next({ verb: 'list', resource: 'configmaps' }, { kind: 'stale', revisions: 1 });

  const stale = (await api.get(path())).body;
  const fresh = (await api.get(path())).body;

  expect(Array.isArray(stale.items) && stale.items.length).toBe(1);
  expect(Array.isArray(fresh.items) && fresh.items.length).toBe(2);
});

test('a list and the events since make every later list', async () => {
  const step = fc.record({ name: fc.constantFrom('a', 'b', 'c'), value: fc.option(fc.nat(3), { nil: undefined }), red: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), fc.nat(11), fc.boolean(), async (sequence, from, selective) => {
      const selector = selective ? '&labelSelector=red' : '';
      await api.delete(path());
      const run = ({ name, value, red }: (typeof sequence)[number]) =>
        value === undefined
          ? api.delete(`${path()}/${name}`)
          : api.apply(`${path()}/${name}`, configMap(name, red ? { red: 'yes' } : {}, { value: String(value) }));
      for (const each of sequence.slice(0, from)) await run(each);
      const start = (await api.get(`${path()}?${selector}`)).body;
      for (const each of sequence.slice(from)) await run(each);
      const end = (await api.get(`${path()}?${selector}`)).body;

      const replayed = new Map(items(start).map((item) => [metadata(item).name, item]));
      const watching = api.watch(
        `${path()}?watch=true&timeoutSeconds=60&allowWatchBookmarks=true&resourceVersion=${revision(start)}${selector}`,
      );
      // A last write that the watcher sees tells that it has seen everything before.
      await api.post(path(), configMap('zz', { red: 'yes' }));
      for await (const { type, object } of watching) {
        if (metadata(object).name === 'zz') break;
        if (type === 'DELETED') replayed.delete(metadata(object).name);
        else replayed.set(metadata(object).name, object);
      }

      expect([...replayed.values()].sort(byName)).toEqual(items(end));
    }),
    { numRuns: 25 },
  );
});

function items(list: JsonObject): JsonObject[] {
  return Array.isArray(list.items) ? list.items.filter(isJsonObject) : [];
}

function byName(a: JsonObject, b: JsonObject): number {
  return String(metadata(a).name) < String(metadata(b).name) ? -1 : 1;
}
