import { beforeEach, expect, test } from 'vitest';
import { ApiError } from '../client/api-error.ts';
import type { KubeObject, MergePatch, ObjectRef, ResourceType } from '../client/types.ts';
import { addFinalizer, hasFinalizer, removeFinalizer } from './finalizers.ts';

const things: ResourceType = { group: 'example.com', version: 'v1', kind: 'Thing', plural: 'things', namespaced: true };
const ours = 'example.com/ours';

function thing(metadata: Partial<KubeObject['metadata']> = {}): KubeObject {
  return {
    apiVersion: 'example.com/v1',
    kind: 'Thing',
    metadata: { name: 'a', namespace: 'here', uid: 'uid-1', resourceVersion: '1', ...metadata },
  };
}

const answer = (code: number, reason: string) => new ApiError({ kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason });

/** Stores one object as an API server does: a patch with an old version is refused. */
class OneObjectServer {
  stored: KubeObject | undefined;
  readonly calls: string[] = [];

  constructor(stored: KubeObject | undefined) {
    this.stored = stored;
  }

  get client() {
    return {
      get: async <T extends KubeObject>(_: ResourceType<T>, { name }: ObjectRef) => {
        this.calls.push(`get ${name}`);
        return this.found<T>();
      },
      mergePatch: async <T extends KubeObject>(_: ResourceType<T>, { name }: ObjectRef, patch: MergePatch<T>) => {
        this.calls.push(`patch ${name}`);
        const found = this.found<T>();
        const { metadata } = patch as { readonly metadata: KubeObject['metadata'] };
        if (metadata.resourceVersion !== found.metadata.resourceVersion) throw answer(409, 'Conflict');
        const resourceVersion = String(Number(metadata.resourceVersion) + 1);
        this.stored = { ...found, metadata: { ...found.metadata, ...metadata, resourceVersion } };
        return this.stored as T;
      },
    };
  }

  private found<T extends KubeObject>(): T {
    if (!this.stored) throw answer(404, 'NotFound');
    return this.stored as T;
  }
}

let server: OneObjectServer;

beforeEach(() => {
  server = new OneObjectServer(thing({ finalizers: ['theirs'] }));
});

const stored = () => server.stored?.metadata.finalizers;

test('is added beside those of others, in one write', async () => {
  const result = await addFinalizer(server.client, things, thing({ finalizers: ['theirs'] }), ours);
  expect(result && hasFinalizer(result, ours)).toBe(true);
  expect(stored()).toEqual(['theirs', ours]);
  expect(server.calls).toEqual(['patch a']);
});

test('is not written when it is there, or when it is gone', async () => {
  await addFinalizer(server.client, things, thing({ finalizers: [ours] }), ours);
  await removeFinalizer(server.client, things, thing(), ours);
  expect(server.calls).toEqual([]);
});

test('is removed, and those of others stay', async () => {
  server.stored = thing({ finalizers: ['theirs', ours] });
  await removeFinalizer(server.client, things, server.stored, ours);
  expect(stored()).toEqual(['theirs']);
});

test('undoes nothing that somebody else wrote meanwhile', async () => {
  server.stored = thing({ finalizers: ['theirs', 'new'], resourceVersion: '7' });
  await addFinalizer(server.client, things, thing({ finalizers: ['theirs'] }), ours);
  expect(stored()).toEqual(['theirs', 'new', ours]);
  await removeFinalizer(server.client, things, thing({ finalizers: [ours] }), ours);
  expect(stored()).toEqual(['theirs', 'new']);
});

test('an old copy that lacks what was written already costs no second write', async () => {
  server.stored = thing({ finalizers: [ours], resourceVersion: '7' });
  expect(await addFinalizer(server.client, things, thing(), ours)).toBe(server.stored);
  expect(server.calls).toEqual(['patch a', 'get a']);
});

test('is not added to what is gone, is going, or is another of the same name', async () => {
  expect(await addFinalizer(server.client, things, thing({ deletionTimestamp: '2026-01-01T00:00:00Z' }), ours)).toBeUndefined();
  server.stored = thing({ uid: 'uid-2', resourceVersion: '7' });
  expect(await addFinalizer(server.client, things, thing(), ours)).toBeUndefined();
  server.stored = thing({ deletionTimestamp: '2026-01-01T00:00:00Z', resourceVersion: '7' });
  expect(await addFinalizer(server.client, things, thing(), ours)).toBeUndefined();
  server.stored = undefined;
  expect(await addFinalizer(server.client, things, thing(), ours)).toBeUndefined();
});

test('is as good as removed when the object is gone, or is another of the same name', async () => {
  server.stored = undefined;
  await removeFinalizer(server.client, things, thing({ finalizers: [ours] }), ours);
  server.stored = thing({ uid: 'uid-2', finalizers: [ours], resourceVersion: '7' });
  await removeFinalizer(server.client, things, thing({ finalizers: [ours] }), ours);
  expect(stored()).toEqual([ours]);
});

test('gives up when others write all the time, and passes on what else goes wrong', async () => {
  const { client } = server;
  const conflict = { ...client, mergePatch: () => Promise.reject(answer(409, 'Conflict')) };
  await expect(addFinalizer(conflict, things, thing(), ours)).rejects.toMatchObject({ code: 409 });
  expect(server.calls).toEqual(['get a', 'get a', 'get a', 'get a']);
  const broken = { ...client, mergePatch: () => Promise.reject(answer(500, 'InternalError')) };
  await expect(removeFinalizer(broken, things, thing({ finalizers: [ours] }), ours)).rejects.toMatchObject({ code: 500 });
});
