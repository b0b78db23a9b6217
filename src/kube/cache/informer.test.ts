import { expect, test } from 'vitest';
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
