import { expect, test } from 'vitest';
import { FakeClock } from '../../core/fake-clock.ts';
import { type ConfigMap, configMaps, pods } from '../client/resources.ts';
import type { WatchEvent } from '../client/watch-event.ts';
import { eventually } from '../testing/eventually.fake.ts';
import { Informer } from './informer.ts';
import { InformerCache } from './informer-cache.ts';
import type { ListerWatcher } from './reflector.ts';

const configMap = (name: string, version: number): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { namespace: 'default', name, uid: name, resourceVersion: String(version) },
});

/** A server of these objects that then tells these events, and counts who asks. */
function serverOf(objects: readonly ConfigMap[], events: readonly WatchEvent[] = []) {
  const asked: string[] = [];
  const client = {
    list: async (type: { plural: string }) => {
      asked.push(type.plural);
      return { items: [...objects], resourceVersion: '10' };
    },
    async *watch(_type: unknown, _options: unknown, signal: AbortSignal) {
      yield* events;
      signal.throwIfAborted();
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }));
    },
  };
  return { client: client as unknown as ListerWatcher, asked };
}
const added = (name: string, version: number): WatchEvent => ({ type: 'ADDED', object: configMap(name, version) });

test('tells every handler, whatever another one throws', async () => {
  const stop = new AbortController();
  const informer = new Informer(serverOf([configMap('a', 1)], [added('b', 11)]).client, configMaps);
  const heard: string[] = [];
  informer.addHandler({
    add: () => {
      throw new Error('a bad handler');
    },
  });
  informer.addHandler({ add: (object) => heard.push(object.metadata.name) });
  const run = informer.run(stop.signal);
  await eventually(() => expect(heard).toEqual(['a', 'b']));
  stop.abort();
  await run;
});

test('a late handler hears of everything that is there, and of nothing once it is removed', async () => {
  const stop = new AbortController();
  const informer = new Informer(serverOf([configMap('a', 1), configMap('b', 2)]).client, configMaps);
  expect(informer.hasSynced).toBe(false);
  const run = informer.run(stop.signal);
  await informer.synced(stop.signal);
  expect(informer.hasSynced).toBe(true);
  class Recorder {
    readonly heard: string[] = [];
    add(object: ConfigMap): void {
      this.heard.push(object.metadata.name);
    }
  }
  const recorder = new Recorder();
  const remove = informer.addHandler(recorder);
  expect(recorder.heard).toEqual(['a', 'b']);
  remove();
  await expect(informer.run(stop.signal)).rejects.toThrow('runs already');
  stop.abort();
  await run;
});

test('who asks for the same selection shares one informer, started with the cache or after it', async () => {
  const stop = new AbortController();
  const { client, asked } = serverOf([configMap('a', 1)]);
  const cache = new InformerCache(client);
  const first = cache.informer(configMaps, { labelSelector: 'app=x' });
  expect(cache.informer(configMaps, { labelSelector: 'app=x', indexers: { name: (object) => [object.metadata.name] } })).toBe(first);
  expect(cache.informer(configMaps)).not.toBe(first);
  const run = cache.run(stop.signal);
  await cache.synced(stop.signal);
  expect(cache.hasSynced).toBe(true);
  expect(first.store.byIndex('name', 'a')).toHaveLength(1);
  const late = cache.informer(pods);
  await late.synced(stop.signal);
  expect(asked).toEqual(['configmaps', 'configmaps', 'pods']);
  stop.abort();
  await run;
});

/** A server whose lists are answered by hand, each with what is passed to it. */
function slowServer() {
  const lists: { answer(...objects: readonly ConfigMap[]): void; fail(error: Error): void; readonly signal: AbortSignal | undefined }[] =
    [];
  const { client } = serverOf([]);
  const list: ListerWatcher['list'] = (_type, _options, call) => {
    const { promise, resolve, reject } = Promise.withResolvers<{ items: never[]; resourceVersion: string }>();
    lists.push({
      answer: (...objects) => resolve({ items: [...objects] as never[], resourceVersion: '10' }),
      fail: reject,
      signal: call?.signal,
    });
    return promise;
  };
  return { lists, client: { ...client, list } };
}

test('late selections are read when all others have been, unless somebody cannot wait', async () => {
  const stop = new AbortController();
  const { lists, client } = slowServer();
  const cache = new InformerCache(client);
  cache.informer(configMaps);
  const late = cache.informer(configMaps, { labelSelector: 'app=late', late: true });
  cache.informer(configMaps, { labelSelector: 'app=shared', late: true });
  const shared = cache.informer(configMaps, { labelSelector: 'app=shared' });
  const run = cache.run(stop.signal);
  await eventually(() => expect(lists).toHaveLength(2));
  for (const list of lists) list.answer();
  await cache.synced(stop.signal);
  expect([shared.hasSynced, late.hasSynced, cache.hasSynced]).toEqual([true, false, true]);
  await eventually(() => expect(lists).toHaveLength(3));
  lists[2]?.answer(configMap('a', 1));
  await late.synced(stop.signal);
  expect(late.store.size).toBe(1);
  stop.abort();
  await run;
});

test('a refresh is not content with a list that began before it', async () => {
  const stop = new AbortController();
  const { client, lists } = slowServer();
  const informer = new Informer(client, configMaps);
  const run = informer.run(stop.signal);
  let fresh = false;
  await eventually(() => lists.length === 1);
  const refreshed = informer.refresh(stop.signal).then(() => {
    fresh = true;
  });
  expect(lists[0]?.signal?.aborted).toBe(true);
  lists[0]?.answer(configMap('old', 1)); // it was read before
  await eventually(() => lists.length === 2);
  expect(fresh).toBe(false);
  lists[1]?.answer(configMap('new', 2));
  await refreshed;
  expect(informer.store.keys()).toEqual(['default/new']);
  stop.abort();
  await run;
});

test('a refresh ends the wait after a failure, and goes on asking until it has the answer', async () => {
  const stop = new AbortController();
  const clock = new FakeClock();
  const { client, lists } = slowServer();
  const informer = new Informer(client, configMaps, {}, { clock, random: () => 0 });
  const run = informer.run(stop.signal);
  await eventually(() => lists.length === 1);
  expect(informer.waitingFor).toBe('configmaps');
  lists[0]?.fail(new Error('no route'));
  await eventually(() => expect(informer.waitingFor).toBe('configmaps (no route)'));
  await eventually(() => clock.sleeping === 1);
  const refreshed = informer.refresh(stop.signal);
  await eventually(() => lists.length === 2); // the clock stands still
  lists[1]?.fail(new Error('still no route'));
  await eventually(() => clock.sleeping === 1);
  await clock.advance(30_000);
  await eventually(() => lists.length === 3);
  lists[2]?.answer(configMap('a', 1));
  await refreshed;
  expect([informer.waitingFor, informer.store.keys()]).toEqual([undefined, ['default/a']]);
  const impatient = new AbortController();
  const hopeless = informer.refresh(impatient.signal);
  impatient.abort(new Error('given up'));
  await expect(hopeless).rejects.toThrow('given up');
  await eventually(() => lists.length === 4);
  lists[3]?.answer();
  stop.abort();
  await run;
});

test('keeps the part of each object that was asked for, and the whole for who asks for that', async () => {
  const whole = { ...configMap('a', 1), data: { kept: 'yes', large: 'x'.repeat(1_000) } };
  const deleted: WatchEvent = { type: 'DELETED', object: { ...whole, metadata: { ...whole.metadata, resourceVersion: '11' } } };
  const stop = new AbortController();
  const cache = new InformerCache(serverOf([whole], [deleted]).client);
  const small = (object: ConfigMap): ConfigMap => ({ ...object, data: { kept: object.data?.kept ?? '' } });
  const slim = cache.informer(configMaps, { transform: small });
  expect(cache.informer(configMaps, { transform: small })).toBe(slim);
  expect(cache.informer(configMaps)).not.toBe(slim);
  const seen: unknown[] = [];
  slim.addHandler({ add: ({ data }) => seen.push(data), delete: ({ data }) => seen.push(data) });
  const run = cache.run(stop.signal);
  await eventually(() => expect(seen).toEqual([{ kept: 'yes' }, { kept: 'yes' }]));
  stop.abort();
  await run;
});
