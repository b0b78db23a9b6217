import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestApiServer } from '../../../../test/fakes/api-server.ts';
import { isJsonObject, type JsonObject } from '../../../core/json.ts';

let api: TestApiServer;
beforeAll(async () => {
  api = await TestApiServer.start();
});
afterAll(() => api[Symbol.asyncDispose]());

const configMaps = '/api/v1/namespaces/default/configmaps';
const pods = '/api/v1/namespaces/default/pods';
const configMap = (name: string, metadata: JsonObject = {}): JsonObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, ...metadata },
});
const pod = (name: string, nodeName?: string): JsonObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name },
  spec: { containers: [{ name: 'main', image: 'worker' }], terminationGracePeriodSeconds: 60, ...(nodeName ? { nodeName } : {}) },
});
const metadata = (object: JsonObject): JsonObject => (isJsonObject(object.metadata) ? object.metadata : {});

test('an object without finalizers goes at once', async () => {
  const { body } = await api.post(configMaps, configMap('plain'));
  const deleted = await api.delete(`${configMaps}/plain`);

  expect(deleted.body).toMatchObject({
    kind: 'Status',
    status: 'Success',
    details: { name: 'plain', kind: 'configmaps', uid: metadata(body).uid },
  });
  expect((await api.get(`${configMaps}/plain`)).code).toBe(404);
  expect((await api.delete(`${configMaps}/plain`)).code).toBe(404);
});

test('finalizers keep an object until the last one is gone', async () => {
  await api.post(configMaps, configMap('kept', { finalizers: ['test.dev/a', 'test.dev/b'] }));
  const deleted = await api.delete(`${configMaps}/kept`);
  const one = await api.mergePatch(`${configMaps}/kept`, { metadata: { finalizers: ['test.dev/b'] } });
  const added = await api.mergePatch(`${configMaps}/kept`, { metadata: { finalizers: ['test.dev/b', 'test.dev/c'] } });
  const last = await api.mergePatch(`${configMaps}/kept`, { metadata: { finalizers: null } });

  expect(metadata(deleted.body).deletionTimestamp).toBeDefined();
  expect(one.code).toBe(200);
  expect(added.body).toMatchObject({
    code: 422,
    message: expect.stringContaining('no new finalizers can be added if the object is being deleted'),
  });
  expect(last.code).toBe(200);
  expect((await api.get(`${configMaps}/kept`)).code).toBe(404);
});

test('preconditions protect another object of the same name', async () => {
  const { body } = await api.post(configMaps, configMap('named'));
  const options = (preconditions: JsonObject) => ({ kind: 'DeleteOptions', apiVersion: 'v1', preconditions });

  expect((await api.delete(`${configMaps}/named`, options({ uid: 'other' }))).body).toMatchObject({ code: 409, reason: 'Conflict' });
  expect((await api.delete(`${configMaps}/named`, options({ resourceVersion: '1' }))).code).toBe(409);
  expect((await api.delete(`${configMaps}/named`, options({ uid: metadata(body).uid ?? '' }))).code).toBe(200);
});

test('a policy of propagation leaves its finalizer for the garbage collector', async () => {
  await api.post(configMaps, configMap('owner'));
  const foreground = await api.delete(`${configMaps}/owner?propagationPolicy=Foreground`);
  const orphan = await api.delete(`${configMaps}/owner`, { propagationPolicy: 'Orphan' });
  const background = await api.delete(`${configMaps}/owner`, { propagationPolicy: 'Background' });

  expect(foreground.code).toBe(202);
  expect(metadata(foreground.body).finalizers).toEqual(['foregroundDeletion']);
  expect(metadata(orphan.body).finalizers).toEqual(['orphan']);
  expect(background.body).toMatchObject({ status: 'Success' });
});

test('a running pod is marked and stays until its kubelet finishes the deletion', async () => {
  await api.post(pods, pod('running', 'local'));
  const marked = await api.delete(`${pods}/running`);
  const again = await api.delete(`${pods}/running`);
  const shortened = await api.delete(`${pods}/running`, { gracePeriodSeconds: 5 });
  const finished = await api.delete(`${pods}/running`, { gracePeriodSeconds: 0 });

  expect(metadata(marked.body)).toMatchObject({ deletionGracePeriodSeconds: 60, deletionTimestamp: expect.any(String) });
  expect(again.body).toEqual(marked.body);
  expect(metadata(shortened.body).deletionGracePeriodSeconds).toBe(5);
  expect(Date.parse(String(metadata(shortened.body).deletionTimestamp))).toBe(
    Date.parse(String(metadata(marked.body).deletionTimestamp)) - 55_000,
  );
  expect(finished.body).toMatchObject({ status: 'Success' });
  expect((await api.get(`${pods}/running`)).code).toBe(404);
});

test('a pod that no kubelet has goes at once', async () => {
  await api.post(pods, pod('pending'));

  expect((await api.delete(`${pods}/pending`)).body).toMatchObject({ status: 'Success' });
});

test('a collection is deleted as selected', async () => {
  for (const name of ['red-1', 'red-2', 'blue-1'])
    await api.post(configMaps, configMap(name, { labels: { colour: name.split('-')[0] ?? '' } }));

  const { body } = await api.delete(`${configMaps}?labelSelector=colour=red`);

  expect(Array.isArray(body.items) && body.items.length).toBe(2);
  expect((await api.get(`${configMaps}/blue-1`)).code).toBe(200);
  expect((await api.get(`${configMaps}/red-1`)).code).toBe(404);
});

test('a dry run deletes nothing', async () => {
  await api.post(configMaps, configMap('safe'));

  expect((await api.delete(`${configMaps}/safe?dryRun=All`)).code).toBe(200);
  expect((await api.get(`${configMaps}/safe`)).code).toBe(200);
});

test('a namespace being deleted takes nothing new, and goes when it is finalized', async () => {
  const created = await api.post('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'ending' } });
  const deleted = await api.delete('/api/v1/namespaces/ending');
  const refused = await api.post('/api/v1/namespaces/ending/configmaps', configMap('late'));
  const finalized = await api.put('/api/v1/namespaces/ending/finalize', { ...deleted.body, spec: { finalizers: [] } });

  expect(created.body.spec).toEqual({ finalizers: ['kubernetes'] });
  expect(deleted.body.status).toMatchObject({ phase: 'Terminating' });
  expect(refused.body).toMatchObject({
    code: 403,
    message: 'configmaps "late" is forbidden: unable to create new content in namespace ending because it is being terminated',
    details: { causes: [{ reason: 'NamespaceTerminating' }] },
  });
  expect(finalized.code).toBe(200);
  expect((await api.get('/api/v1/namespaces/ending')).code).toBe(404);
});
