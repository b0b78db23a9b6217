import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { TestApiServer } from '../../../../test/fakes/api-server.ts';
import { isJsonObject, type JsonObject } from '../../../core/json.ts';

let api: TestApiServer;
let namespace: string;
let count = 0;
beforeAll(async () => {
  api = await TestApiServer.start();
});
afterAll(() => api[Symbol.asyncDispose]());
beforeEach(async () => {
  namespace = `test-${++count}`;
  await api.post('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
});

const configMaps = () => `/api/v1/namespaces/${namespace}/configmaps`;
const configMap = (name: string, fields: JsonObject = {}, metadata: JsonObject = {}): JsonObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, ...metadata },
  ...fields,
});
const metadata = (object: JsonObject): JsonObject => (isJsonObject(object.metadata) ? object.metadata : {});
const names = (list: JsonObject) => (Array.isArray(list.items) ? list.items.filter(isJsonObject).map((item) => metadata(item).name) : []);

test('a created object gets an identity and can be read back', async () => {
  const created = await api.post(configMaps(), configMap('a', { data: { k: 'v' } }));
  const read = await api.get(`${configMaps()}/a`);

  expect(created.code).toBe(201);
  expect(metadata(created.body)).toMatchObject({
    name: 'a',
    namespace,
    uid: expect.stringMatching(/^[0-9a-f-]{36}$/),
    resourceVersion: expect.any(String),
  });
  expect(metadata(created.body).creationTimestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  expect(read.body).toEqual(created.body);
});

test('what is missing, taken or in no namespace is refused as kubectl expects', async () => {
  await api.post(configMaps(), configMap('a'));

  expect((await api.get(`${configMaps()}/b`)).body).toMatchObject({
    kind: 'Status',
    status: 'Failure',
    reason: 'NotFound',
    code: 404,
    message: 'configmaps "b" not found',
    details: { name: 'b', kind: 'configmaps' },
  });
  expect((await api.post(configMaps(), configMap('a'))).body).toMatchObject({
    reason: 'AlreadyExists',
    message: 'configmaps "a" already exists',
  });
  expect((await api.post('/api/v1/namespaces/nowhere/configmaps', configMap('a'))).body).toMatchObject({
    code: 404,
    message: 'namespaces "nowhere" not found',
  });
  expect((await api.get('/apis/nothing/v1/things')).body).toMatchObject({
    code: 404,
    message: 'the server could not find the requested resource',
  });
});

test('generateName makes a free name', async () => {
  const made = await Promise.all(
    Array.from({ length: 20 }, () => api.post(configMaps(), { apiVersion: 'v1', kind: 'ConfigMap', metadata: { generateName: 'made-' } })),
  );

  const given = made.map(({ body }) => String(metadata(body).name));
  expect(new Set(given).size).toBe(20);
  expect(given.every((name) => /^made-[b-z0-9]{5}$/.test(name))).toBe(true);
});

test('an update on an old revision conflicts', async () => {
  const { body } = await api.post(configMaps(), configMap('a', { data: { k: '1' } }));
  const first = await api.put(`${configMaps()}/a`, { ...body, data: { k: '2' } });
  const second = await api.put(`${configMaps()}/a`, { ...body, data: { k: '3' } });

  expect(first.code).toBe(200);
  expect(second.body).toMatchObject({
    code: 409,
    reason: 'Conflict',
    message:
      'Operation cannot be fulfilled on configmaps "a": the object has been modified; please apply your changes to the latest version and try again',
  });
});

test('a write that changes nothing keeps the revision', async () => {
  const { body } = await api.post(configMaps(), configMap('a', { data: { k: '1' } }));
  const again = await api.put(`${configMaps()}/a`, body);

  expect(again.body).toEqual(body);
});

test('the server keeps what clients may not change', async () => {
  const { body } = await api.post(configMaps(), configMap('a'));
  const changed = await api.put(`${configMaps()}/a`, {
    ...body,
    metadata: { ...metadata(body), creationTimestamp: '1999-01-01T00:00:00Z' },
  });

  expect(metadata(changed.body).creationTimestamp).toBe(metadata(body).creationTimestamp);
  expect((await api.put(`${configMaps()}/a`, configMap('a', {}, { uid: 'another' }))).body).toMatchObject({ code: 409 });
  expect((await api.put(`${configMaps()}/a`, configMap('b'))).body).toMatchObject({
    code: 400,
    message: 'the name of the object (b) does not match the name on the URL (a)',
  });
});

test('a dry run answers as if, and stores nothing', async () => {
  const dry = await api.post(`${configMaps()}?dryRun=All`, configMap('a'));

  expect(dry.code).toBe(201);
  expect((await api.get(`${configMaps()}/a`)).code).toBe(404);
});

test('unknown fields are refused, reported or ignored as the client asks', async () => {
  const odd = configMap('a', { dta: {} });

  expect((await api.post(`${configMaps()}?fieldValidation=Strict`, odd)).body).toMatchObject({
    code: 400,
    message: expect.stringContaining('strict decoding error: unknown field "dta"'),
  });
  expect((await api.post(`${configMaps()}?fieldValidation=Warn`, odd)).headers.warning).toBe('299 - "unknown field \\"dta\\""');
});

test('an invalid object is refused with its causes', async () => {
  const { body } = await api.post(configMaps(), configMap('Not_A_Name'));

  expect(body).toMatchObject({
    code: 422,
    reason: 'Invalid',
    details: { causes: [{ field: 'metadata.name', reason: 'FieldValueInvalid' }] },
  });
  expect(body.message).toContain('ConfigMap "Not_A_Name" is invalid: metadata.name: Invalid value: ');
});

test('a list selects by labels and fields', async () => {
  for (const [name, labels] of Object.entries({ a: { tier: 'web', env: 'prod' }, b: { tier: 'db', env: 'prod' }, c: { env: 'dev' } })) {
    await api.post(configMaps(), configMap(name, {}, { labels }));
  }
  const select = async (query: string) => names((await api.get(`${configMaps()}?${query}`)).body);

  expect(await select('labelSelector=env=prod')).toEqual(['a', 'b']);
  expect(await select(`labelSelector=${encodeURIComponent('tier in (web,db),env!=dev')}`)).toEqual(['a', 'b']);
  expect(await select(`labelSelector=${encodeURIComponent('tier notin (web)')}`)).toEqual(['b', 'c']);
  expect(await select(`labelSelector=${encodeURIComponent('!tier')}`)).toEqual(['c']);
  expect(await select('fieldSelector=metadata.name%3Db')).toEqual(['b']);
  expect(await select('fieldSelector=metadata.name!=b')).toEqual(['a', 'c']);
  expect((await api.get(`${configMaps()}?fieldSelector=data.k=v`)).body).toMatchObject({
    code: 400,
    message: 'field label not supported: data.k',
  });
});

test('pages of a list show one revision, whatever is written meanwhile', async () => {
  for (const name of ['a', 'b', 'c', 'd', 'e']) await api.post(configMaps(), configMap(name));
  const first = (await api.get(`${configMaps()}?limit=2`)).body;
  await api.delete(`${configMaps()}/c`);
  await api.post(configMaps(), configMap('bb'));
  const second = (await api.get(`${configMaps()}?limit=2&continue=${metadata(first).continue}`)).body;
  const third = (await api.get(`${configMaps()}?limit=2&continue=${metadata(second).continue}`)).body;

  expect([...names(first), ...names(second), ...names(third)]).toEqual(['a', 'b', 'c', 'd', 'e']);
  expect(metadata(second).resourceVersion).toBe(metadata(first).resourceVersion);
  expect(metadata(first).remainingItemCount).toBe(3);
  expect(metadata(third).continue).toBeUndefined();
});

test('a list at an exact revision is as it was, and one in the future is refused', async () => {
  const { body } = await api.post(configMaps(), configMap('a', { data: { k: '1' } }));
  await api.post(configMaps(), configMap('b'));
  const rv = metadata(body).resourceVersion;

  expect(names((await api.get(`${configMaps()}?resourceVersion=${rv}&resourceVersionMatch=Exact`)).body)).toEqual(['a']);
  expect(names((await api.get(`${configMaps()}?resourceVersion=${rv}`)).body)).toEqual(['a', 'b']);
  expect((await api.get(`${configMaps()}?resourceVersion=999999999`)).body).toMatchObject({
    code: 504,
    reason: 'Timeout',
    details: { causes: [{ reason: 'ResourceVersionTooLarge' }] },
  });
});

test('shows tables and metadata to those who ask', async () => {
  await api.post(configMaps(), configMap('a', { data: { k: 'v' } }));
  const table = await api.get(configMaps(), { headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json' } });
  const partial = await api.get(configMaps(), { headers: { accept: 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io' } });

  expect(table.body).toMatchObject({ kind: 'Table', rows: [{ object: { kind: 'PartialObjectMetadata', metadata: { name: 'a' } } }] });
  expect(partial.body).toMatchObject({ kind: 'PartialObjectMetadataList', items: [{ metadata: { name: 'a' } }] });
  expect((await api.get(configMaps(), { headers: { accept: 'text/html' } })).code).toBe(406);
});

test('reads YAML, and refuses what it cannot read', async () => {
  const yaml = 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: from-yaml\ndata:\n  k: "v"\n';

  expect((await api.post(configMaps(), yaml, { type: 'application/yaml' })).body).toMatchObject({ data: { k: 'v' } });
  expect((await api.post(configMaps(), '{', {})).code).toBe(400);
  expect((await api.post(configMaps(), 'x', { type: 'text/plain' })).code).toBe(415);
  expect((await api.post(configMaps(), JSON.stringify(configMap('big', { data: { k: 'x'.repeat(4 << 20) } })))).code).toBe(413);
});

test('takes all four kinds of patch', async () => {
  await api.post(configMaps(), configMap('a', { data: { x: '1', y: '2' } }));

  expect((await api.mergePatch(`${configMaps()}/a`, { data: { x: null, z: '3' } })).body.data).toEqual({ y: '2', z: '3' });
  expect((await api.jsonPatch(`${configMaps()}/a`, [{ op: 'replace', path: '/data/y', value: '4' }])).body.data).toEqual({
    y: '4',
    z: '3',
  });
  expect((await api.strategicPatch(`${configMaps()}/a`, { data: { $patch: 'replace', only: '1' } })).body.data).toEqual({ only: '1' });
  const applied = await api.apply(`${configMaps()}/a`, configMap('a', { data: { applied: 'yes' } }));
  expect(applied.body.data).toEqual({ only: '1', applied: 'yes' });
  expect((await api.apply(`${configMaps()}/new`, configMap('new'))).code).toBe(201);
});

test('refuses patches that make no sense', async () => {
  await api.post(configMaps(), configMap('a', { data: { x: '1' } }));
  const path = `${configMaps()}/a`;

  expect((await api.jsonPatch(path, [{ op: 'test', path: '/data/x', value: '2' }])).code).toBe(422);
  expect((await api.jsonPatch(path, [{ op: 'jump' }])).code).toBe(400);
  expect((await api.call('PATCH', path, {}, { type: 'application/json' })).code).toBe(415);
  expect((await api.mergePatch(`${configMaps()}/none`, {})).code).toBe(404);
  expect((await api.apply(path, configMap('a'), '')).body).toMatchObject({
    code: 422,
    message: expect.stringContaining('fieldManager: Required value'),
  });
  expect((await api.mergePatch(path, { metadata: { resourceVersion: '1' } })).code).toBe(409);
});

test('patches that come together all take effect', async () => {
  await api.post(configMaps(), configMap('a'));

  await Promise.all(Array.from({ length: 20 }, (_, n) => api.mergePatch(`${configMaps()}/a`, { data: { [`k${n}`]: 'x' } })));

  expect(Object.keys((await api.get(`${configMaps()}/a`)).body.data ?? {}).length).toBe(20);
});

test('applying the same twice writes once', async () => {
  const first = await api.apply(`${configMaps()}/a`, configMap('a', { data: { k: 'v' } }));
  const second = await api.apply(`${configMaps()}/a`, configMap('a', { data: { k: 'v' } }));

  expect(second.body).toEqual(first.body);
});
