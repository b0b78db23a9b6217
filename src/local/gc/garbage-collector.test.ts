import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { OwnerReference } from 'kubernetes-types/meta/v1.d.ts';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../core/clock.ts';
import { silentLogger } from '../../core/logger.ts';
import {
  type ConfigMap,
  configMaps,
  customResourceDefinitions,
  isNotFound,
  KubeClient,
  type KubeObject,
  namespaces,
  pods,
  resourceType,
} from '../../kube/index.ts';
import { type RunningApiServer, startApiServer } from '../apiserver/server.ts';
import { GarbageCollector } from './garbage-collector.ts';

type Propagation = 'Background' | 'Foreground' | 'Orphan';

const patience = { timeout: 15_000, interval: 20 };
const widgets = resourceType<KubeObject>({ group: 'test.dev', version: 'v1', kind: 'Widget', plural: 'widgets', namespaced: true });

let folder: string;
let server: RunningApiServer;
let client: KubeClient;
let stop: () => Promise<void>;
let namespace = '';
let count = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mf-gc-'));
  server = await startApiServer({ stateDir: folder, logger: silentLogger });
  client = KubeClient.fromServer(server);
  const ending = new AbortController();
  const running = new GarbageCollector({ client, logger: silentLogger, clock: systemClock }).run(ending.signal);
  stop = async () => {
    ending.abort();
    await running;
  };
});

afterAll(async () => {
  await stop();
  await client.close();
  await server.close();
  await rm(folder, { recursive: true });
});

beforeEach(async () => {
  count += 1;
  namespace = `test-${count}`;
  await client.create(namespaces, { metadata: { name: namespace } });
});

const owner = ({ metadata, kind, apiVersion }: KubeObject, fields: Partial<OwnerReference> = {}): OwnerReference => ({
  ...{ apiVersion, kind, name: metadata.name, uid: metadata.uid ?? '' },
  ...fields,
});

const create = (name: string, ownerReferences: OwnerReference[] = [], finalizers: string[] = []): Promise<ConfigMap> =>
  client.create(configMaps, { metadata: { name, namespace, ownerReferences, finalizers } });

const remove = (name: string, propagationPolicy: Propagation) => client.delete(configMaps, { namespace, name }, { propagationPolicy });

async function read(name: string): Promise<ConfigMap | undefined> {
  try {
    return await client.get(configMaps, { namespace, name });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

const names = async () => (await client.list(configMaps, { namespace })).items.map(({ metadata }) => metadata.name).sort();
const remaining = () => expect.poll(names, patience);
const unblock = (name: string) => client.mergePatch(configMaps, { namespace, name }, { metadata: { finalizers: null } });

describe('background deletion', () => {
  test('takes dependents along, all the way down', async () => {
    const top = await create('top');
    const middle = await create('middle', [owner(top)]);
    await create('bottom', [owner(middle)]);
    await create('other');
    await remove('top', 'Background');
    await remaining().toEqual(['other']);
  });

  test('keeps what another owner keeps, without the reference to the one that went', async () => {
    const [one, two] = [await create('one'), await create('two')];
    await create('shared', [owner(one), owner(two)]);
    await remove('one', 'Background');
    await expect.poll(async () => (await read('shared'))?.metadata.ownerReferences, patience).toEqual([owner(two)]);
    await remove('two', 'Background');
    await remaining().toEqual([]);
  });

  test('goes by the uid, not by the name', async () => {
    const first = await create('owner');
    await client.delete(configMaps, { namespace, name: 'owner' });
    const second = await create('owner');
    await create('of-first', [owner(first)]);
    await create('of-second', [owner(second)]);
    await remaining().toEqual(['of-second', 'owner']);
  });

  test('keeps what belongs to a kind that nobody serves', async () => {
    await create('stranger', [{ apiVersion: 'unknown.dev/v1', kind: 'Thing', name: 'x', uid: '1' }]);
    await create('orphan', [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'x', uid: '2' }]); // a later change, to see that it was looked at
    await remaining().toEqual(['stranger']);
  });
});

describe('foreground deletion', () => {
  test('keeps the owner until the dependents that block it are gone', async () => {
    const top = await create('top');
    await create('blocking', [owner(top, { blockOwnerDeletion: true })], ['test/hold']);
    await create('loose', [owner(top)], ['test/hold']);
    await remove('top', 'Foreground');
    await expect.poll(async () => (await read('blocking'))?.metadata.deletionTimestamp, patience).toBeDefined();
    expect((await read('top'))?.metadata.finalizers).toEqual(['foregroundDeletion']);
    await unblock('blocking');
    await remaining().toEqual(['loose']);
    await expect.poll(async () => (await read('loose'))?.metadata.deletionTimestamp, patience).toBeDefined();
    await unblock('loose');
    await remaining().toEqual([]);
  });

  test('goes down to the dependents of dependents first', async () => {
    const top = await create('top');
    const middle = await create('middle', [owner(top, { blockOwnerDeletion: true })]);
    await create('bottom', [owner(middle, { blockOwnerDeletion: true })], ['test/hold']);
    await remove('top', 'Foreground');
    await expect.poll(async () => (await read('bottom'))?.metadata.deletionTimestamp, patience).toBeDefined();
    expect(await names()).toEqual(['bottom', 'middle', 'top']);
    await unblock('bottom');
    await remaining().toEqual([]);
  });

  test('ends at once without dependents', async () => {
    await create('alone');
    await remove('alone', 'Foreground');
    await remaining().toEqual([]);
  });
});

test('orphan deletion lets dependents go', async () => {
  const top = await create('top');
  await create('child', [owner(top)]);
  await remove('top', 'Orphan');
  await remaining().toEqual(['child']);
  expect((await read('child'))?.metadata.ownerReferences).toBeUndefined();
});

test('collects over kinds that are defined while it runs', async () => {
  await client.create(customResourceDefinitions, {
    metadata: { name: 'widgets.test.dev' },
    spec: {
      group: 'test.dev',
      scope: 'Namespaced',
      names: { kind: 'Widget', listKind: 'WidgetList', plural: 'widgets', singular: 'widget' },
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }],
    },
  });
  const widget = await client.create(widgets, { metadata: { name: 'w', namespace } });
  await create('of-widget', [owner(widget, { blockOwnerDeletion: true })]);
  const top = await create('top');
  await client.create(widgets, { metadata: { name: 'child', namespace, ownerReferences: [owner(top)] } });
  await client.delete(widgets, { namespace, name: 'w' }, { propagationPolicy: 'Foreground' });
  await remove('top', 'Background');
  await remaining().toEqual([]);
  await expect.poll(async () => (await client.list(widgets, { namespace })).items, patience).toEqual([]);
});

describe('a namespace that is deleted', () => {
  const gone = async (name: string) => {
    const read = () =>
      client.get(namespaces, { name }).then(
        ({ status }) => status?.phase,
        (error: unknown) => isNotFound(error) && 'gone',
      );
    await expect.poll(read, patience).toBe('gone');
  };

  test('goes with its contents', async () => {
    await create('one');
    await client.create(pods, { metadata: { name: 'waiting', namespace }, spec: { containers: [{ name: 'c', image: 'i' }] } });
    await client.delete(namespaces, { name: namespace });
    await gone(namespace);
    await expect(client.get(pods, { namespace, name: 'waiting' })).rejects.toSatisfy(isNotFound);
  });

  test('says what it waits for, and goes when that is gone', async () => {
    await create('held', [], ['test/hold']);
    await client.delete(namespaces, { name: namespace });
    const conditions = async () => (await client.get(namespaces, { name: namespace })).status?.conditions;
    await expect.poll(conditions, patience).toEqual([
      expect.objectContaining({
        type: 'NamespaceContentRemaining',
        status: 'True',
        message: 'Some resources are remaining: configmaps has 1 resource instances',
      }),
      expect.objectContaining({ type: 'NamespaceFinalizersRemaining', status: 'True', message: expect.stringContaining('test/hold') }),
    ]);
    await unblock('held');
    await gone(namespace);
  });
});
