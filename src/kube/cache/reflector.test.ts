import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Clock } from '../../core/clock.ts';
import { FakeClock } from '../../core/fake-clock.ts';
import { KubeClient } from '../client/kube-client.ts';
import { configMaps } from '../client/resources.ts';
import { keyOf } from '../client/types.ts';
import { FakeApiServer, sendJson, sendStatus } from '../testing/api-server.fake.ts';
import { eventually } from '../testing/eventually.fake.ts';
import { Informer, type InformerOptions } from './informer.ts';

let server: FakeApiServer;
let client: KubeClient;
let stop: AbortController;
let running: Promise<void> | undefined;

beforeEach(async () => {
  server = await FakeApiServer.start();
  client = KubeClient.fromServer({ url: server.url });
  stop = new AbortController();
});
afterEach(async () => {
  stop.abort();
  await running;
  await client.close();
  await server.close();
});

const configMap = (name: string, value = '') => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { namespace: 'default', name },
  data: { value },
});

/** Never really waits, and counts what it was asked to: back-off becomes cheap, and is still seen. */
class HastyClock implements Clock {
  readonly waits: number[] = [];
  private instant = 0;

  now(): number {
    return this.instant;
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    this.waits.push(ms);
    await new Promise(setImmediate);
    signal?.throwIfAborted();
    this.instant += ms;
  }
}

function follow(options: InformerOptions = {}) {
  const clock = new HastyClock();
  const informer = new Informer(client, configMaps, {}, { clock, random: () => 0.5, ...options });
  running = informer.run(stop.signal);
  return { informer, clock };
}
const mirrored = (informer: Informer<never> | ReturnType<typeof follow>['informer']) =>
  eventually(() => expect(versions(informer.store.list())).toEqual(versions(server.list('configmaps'))));
const versions = (objects: readonly { metadata: { namespace?: string; name: string; uid?: string; resourceVersion?: string } }[]) =>
  objects.map((object) => `${keyOf(object)} ${object.metadata.uid} ${object.metadata.resourceVersion}`).sort();
const watches = () => server.requests.filter((request) => request.query.has('watch'));
const lists = () => server.requests.filter((request) => request.method === 'GET' && !request.query.has('watch'));
const watching = (count = 1) => eventually(() => expect(server.openWatches).toBe(count));

test('lists in pages, then watches with bookmarks from the version of the list', async () => {
  for (let i = 0; i < 3; i++) server.put('configmaps', configMap(`c${i}`));
  const { informer } = follow();
  await mirrored(informer);
  await watching();
  expect(lists()[0]?.query.get('limit')).toBe('500');
  expect(Object.fromEntries(watches()[0]?.query ?? [])).toEqual({
    watch: 'true',
    resourceVersion: '3',
    allowWatchBookmarks: 'true',
    timeoutSeconds: '450',
  });
  server.put('configmaps', configMap('c1', 'changed'));
  server.remove('configmaps', 'default', 'c2');
  await mirrored(informer);
});

test('resumes a cut watch where it was, by event or bookmark, without a list', async () => {
  const { informer, clock } = follow();
  await watching();
  server.put('configmaps', configMap('a'));
  await mirrored(informer);
  server.cutWatches();
  await eventually(() => expect(watches()).toHaveLength(2));
  await watching();
  expect(watches()[1]?.query.get('resourceVersion')).toBe('1');
  // Another kind moves the server's version on; only a bookmark can tell.
  server.put('secrets', { ...configMap('b'), kind: 'Secret' });
  server.sendBookmarks();
  server.endWatches();
  await eventually(() => expect(watches()).toHaveLength(3));
  expect(watches()[2]?.query.get('resourceVersion')).toBe('2');
  expect(lists()).toHaveLength(1);
  expect(clock.waits).toEqual([]);
});

test.each(['http', 'event'] as const)('lists at once when its version is expired (%s)', async (shape) => {
  server.expiredShape = shape;
  const { informer, clock } = follow();
  await watching();
  server.put('configmaps', configMap('a'));
  await mirrored(informer);
  // The next watch begins too late: what happened meanwhile is forgotten.
  server.once((request, response) => {
    if (!request.query.has('watch')) return false;
    server.remove('configmaps', 'default', 'a');
    server.put('configmaps', configMap('b'));
    server.compact();
    response.destroy();
    return true;
  });
  server.cutWatches();
  await eventually(() => expect(lists()).toHaveLength(2));
  await mirrored(informer);
  // One wait for the connection that broke before it held, one for the refusal right after.
  expect(clock.waits.length).toBeLessThanOrEqual(2);
});

test('tells of an object that was deleted and made anew between two lists', async () => {
  const { informer } = follow();
  const heard: string[] = [];
  informer.addHandler({
    add: (object) => heard.push(`add ${object.metadata.uid}`),
    update: (object) => heard.push(`update ${object.metadata.uid}`),
    delete: (object) => heard.push(`delete ${object.metadata.uid}`),
  });
  await watching();
  server.put('configmaps', configMap('a'));
  await mirrored(informer);
  server.once((request, response) => {
    if (!request.query.has('watch')) return false;
    server.put('configmaps', configMap('a'), true);
    server.compact();
    response.destroy();
    return true;
  });
  server.cutWatches();
  await eventually(() => expect(lists()).toHaveLength(2));
  await mirrored(informer);
  expect(heard).toEqual(['add uid-1', 'delete uid-1', 'add uid-2']);
});

test('a failing server is asked less and less, and a throttling one as late as it wishes', async () => {
  for (let i = 0; i < 3; i++) {
    server.once((_, response) => {
      sendStatus(response, 500, 'InternalError');
      return true;
    });
  }
  const { informer, clock } = follow();
  await informer.synced(AbortSignal.timeout(5_000));
  expect(clock.waits).toEqual([1_200, 2_400, 4_800]);
});

test('a silent connection is given up and the watch resumed', async () => {
  const { informer } = follow({ idleMs: 60 });
  server.once((request, response) => {
    if (!request.query.has('watch')) return false;
    response.writeHead(200).flushHeaders(); // and never a word more
    return true;
  });
  await informer.synced(AbortSignal.timeout(5_000));
  server.put('configmaps', configMap('a'));
  await mirrored(informer);
  expect(lists()).toHaveLength(1);
});

test('streams the initial state where the server can, in one request', async () => {
  server.supportsWatchList = true;
  for (let i = 0; i < 3; i++) server.put('configmaps', configMap(`c${i}`));
  const { informer } = follow({ initial: 'watchList' });
  await informer.synced(AbortSignal.timeout(5_000));
  server.put('configmaps', configMap('c3'));
  await mirrored(informer);
  expect([lists().length, watches().length]).toEqual([0, 1]);
});

test('falls back to a list where the server cannot stream', async () => {
  server.put('configmaps', configMap('a'));
  const { informer, clock } = follow({ initial: 'watchList' });
  await mirrored(informer);
  await watching();
  server.put('configmaps', configMap('b'));
  await mirrored(informer);
  server.cutWatches();
  await eventually(() => expect(watches()).toHaveLength(3));
  expect(watches().filter((request) => request.query.has('sendInitialEvents'))).toHaveLength(1);
  expect(clock.waits).toEqual([]);
});

test('stops in the midst of a back-off', async () => {
  const clock = new FakeClock();
  await server.close();
  const informer = new Informer(client, configMaps, {}, { clock });
  running = informer.run(stop.signal);
  await eventually(() => expect(clock.sleeping).toBe(1));
  stop.abort();
  await running;
  await expect(informer.synced(stop.signal)).rejects.toThrow();
  server = await FakeApiServer.start();
});

const name = fc.constantFrom('a', 'b', 'c');
const happening = fc.oneof(
  { weight: 4, arbitrary: fc.record({ what: fc.constant('put' as const), name, recreate: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constant('remove' as const), name }) },
  fc.record({ what: fc.constant('cut' as const) }),
  fc.record({ what: fc.constant('end' as const) }),
  fc.record({ what: fc.constant('compact' as const), shape: fc.constantFrom('http' as const, 'event' as const) }),
  fc.record({ what: fc.constant('errorEvent' as const), code: fc.constantFrom(410, 500, 504) }),
  fc.record({ what: fc.constant('refuse' as const), verb: fc.constantFrom('list', 'watch'), code: fc.constantFrom(410, 429, 500, 503) }),
  fc.record({ what: fc.constant('staleList' as const), back: fc.nat(4) }),
  { weight: 2, arbitrary: fc.record({ what: fc.constant('repeat' as const), back: fc.integer({ min: 1, max: 4 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({ what: fc.constant('gap' as const), name, shape: fc.constantFrom('http' as const, 'event' as const) }),
  },
  fc.record({ what: fc.constant('bookmark' as const) }),
  { weight: 4, arbitrary: fc.record({ what: fc.constant('settle' as const) }) },
);
type Happening = typeof happening extends fc.Arbitrary<infer H> ? H : never;

function inflict(fault: Happening): void {
  switch (fault.what) {
    case 'put':
      server.put('configmaps', configMap(fault.name), fault.recreate);
      return;
    case 'remove':
      server.remove('configmaps', 'default', fault.name);
      return;
    case 'cut':
      server.cutWatches();
      return;
    case 'end':
      server.endWatches();
      return;
    case 'compact':
      server.expiredShape = fault.shape;
      server.compact();
      return;
    case 'gap':
      // While the line is down a name gets a new object, and the server forgets how.
      server.cutWatches();
      server.put('configmaps', configMap(fault.name), true);
      server.expiredShape = fault.shape;
      server.compact();
      return;
    case 'errorEvent':
      server.failWatches({ kind: 'Status', code: fault.code, reason: fault.code === 410 ? 'Expired' : 'InternalError' });
      return;
    case 'refuse':
      server.once((request, response) => {
        if (request.query.has('watch') !== (fault.verb === 'watch')) return false;
        sendStatus(
          response,
          fault.code,
          fault.code === 410 ? 'Expired' : 'InternalError',
          fault.code === 429 ? { 'retry-after': '0' } : {},
        );
        return true;
      });
      return;
    case 'staleList':
      server.once((request, response) => {
        if (request.query.has('watch')) return false;
        sendJson(response, 200, server.listAt('configmaps', Math.max(0, server.currentVersion - fault.back)));
        return true;
      });
      return;
    case 'repeat':
      server.repeat('configmaps', fault.back);
      return;
    case 'bookmark':
      server.sendBookmarks();
  }
}

test('after any sequence of faults the store equals the server, and the handlers have heard a coherent story', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(happening, { minLength: 1, maxLength: 25 }),
      fc.constantFrom('list' as const, 'watchList' as const),
      fc.boolean(),
      async (story, initial, supportsWatchList) => {
        server = await FakeApiServer.start();
        server.supportsWatchList = supportsWatchList;
        const own = KubeClient.fromServer({ url: server.url });
        const end = new AbortController();
        const informer = new Informer(own, configMaps, {}, { clock: new HastyClock(), random: () => 0, initial });
        const told = new Map<string, string | undefined>();
        const incoherent: string[] = [];
        informer.addHandler({
          add: (object) => {
            if (told.has(keyOf(object))) incoherent.push(`add of the known ${keyOf(object)}`);
            told.set(keyOf(object), object.metadata.uid);
          },
          update: (object, old) => {
            if (told.get(keyOf(object)) !== old.metadata.uid || old.metadata.uid !== object.metadata.uid)
              incoherent.push(`update of another ${keyOf(object)}`);
          },
          delete: (object) => {
            if (told.get(keyOf(object)) !== object.metadata.uid) incoherent.push(`delete of another ${keyOf(object)}`);
            told.delete(keyOf(object));
          },
        });
        const run = informer.run(end.signal);
        try {
          for (const fault of story) {
            if (fault.what === 'settle')
              await eventually(() => server.openWatches > 0 && informer.store.size === server.list('configmaps').length);
            else inflict(fault);
          }
          // A last word proves that it still listens.
          server.put('configmaps', configMap('end'));
          await mirrored(informer);
          expect(incoherent).toEqual([]);
          expect([...told.keys()].sort()).toEqual(informer.store.keys().sort());
        } finally {
          end.abort();
          await run;
          await own.close();
          await server.close();
        }
      },
    ),
    { numRuns: 150 },
  );
}, 120_000);
