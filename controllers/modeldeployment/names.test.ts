import { expect, test } from 'vitest';
import type { ModelDeployment } from '../../src/api/model-deployment.ts';
import { InformerCache, KubeClient, keyOf } from '../../src/kube/index.ts';
import { FakeApiServer } from '../../src/kube/testing/api-server.fake.ts';
import { eventually } from '../../src/kube/testing/eventually.fake.ts';
import { byPublicName, namesakes, publicNames, takenNames } from './names.ts';
import { modelDeployments } from './status-writer.ts';
import { deployment } from './testing/makers.fake.ts';

function claimant(namespace: string, created: string, names: string[], fields: Partial<ModelDeployment['metadata']> = {}): ModelDeployment {
  return deployment({ serving: { names } }, { namespace, creationTimestamp: `${created}T00:00:00Z`, ...fields });
}

function storeOf(...all: readonly ModelDeployment[]) {
  return {
    get: (key: string) => all.find((one) => keyOf(one) === key),
    byIndex: (_: string, name: string) => all.filter((one) => publicNames(one).includes(name)),
  };
}

const older = claimant('a', '2025-01-01', ['chat', 'big']);
const younger = claimant('b', '2026-01-01', ['chat', 'small']);

test('the oldest deployment keeps a name', () => {
  const store = storeOf(younger, older);
  expect(takenNames(older, store)).toEqual([]);
  expect(takenNames(younger, store)).toEqual([{ name: 'chat', holder: 'a/qwen' }]);
});

test('of twins the one whose key comes first keeps it, as in the gateway', () => {
  const twin = claimant('c', '2025-01-01', ['chat']);
  expect(takenNames(older, storeOf(older, twin))).toEqual([]);
  expect(takenNames(twin, storeOf(older, twin))).toEqual([{ name: 'chat', holder: 'a/qwen' }]);
});

test('one that is being deleted has no name any more', () => {
  const ending = claimant('a', '2025-01-01', ['chat'], { deletionTimestamp: '2026-02-01T00:00:00Z' });
  expect(takenNames(younger, storeOf(ending, younger))).toEqual([]);
});

test('nobody can take the full name of another', () => {
  const thief = claimant('b', '2024-01-01', ['a/qwen']);
  expect(takenNames(thief, storeOf(thief, older))).toEqual([{ name: 'a/qwen', holder: 'a/qwen' }]);
  expect(takenNames(thief, storeOf(thief))).toEqual([]);
});

test('whoever claims a name is looked at again when the one that has it goes or gives it up, and only then', async () => {
  const server = await FakeApiServer.start();
  const client = KubeClient.fromServer({ url: server.url });
  const stop = new AbortController();
  const cache = new InformerCache(client);
  const informer = cache.informer(modelDeployments, { indexers: { [byPublicName]: publicNames } });
  const put = (one: ModelDeployment, generation = 1) => {
    const metadata = { ...one.metadata, generation };
    server.put('modeldeployments', { ...one, metadata });
  };
  const woken: string[] = [];
  const running = cache.run(stop.signal);
  try {
    const third = claimant('c', '2026-02-01', ['chat']);
    for (const one of [older, younger, third]) put(one);
    await eventually(() => expect(informer.store.size).toBe(3));
    const end = namesakes(informer).start((key) => woken.push(key));
    const wokenBy = async (change: () => void, marker: string) => {
      woken.length = 0;
      change();
      put(claimant('marker', '2026-03-01', [marker])); // told after the change: when it is here, so is the change
      await eventually(() => expect(informer.store.byIndex(byPublicName, marker)).toHaveLength(1));
      return [...new Set(woken)].filter((key) => key !== 'marker/qwen').sort();
    };
    expect(await wokenBy(() => put({ ...third, spec: { ...third.spec, replicas: 2 } }, 2), 'm1')).toEqual([]);
    expect(await wokenBy(() => put(claimant('a', '2025-01-01', ['big']), 2), 'm2')).toEqual(expect.arrayContaining(['b/qwen', 'c/qwen']));
    expect(await wokenBy(() => server.remove('modeldeployments', 'b', 'qwen'), 'm3')).toEqual(['c/qwen']);
    end();
  } finally {
    stop.abort();
    await running;
    await client.close();
    await server.close();
  }
});
