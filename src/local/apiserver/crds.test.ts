import { afterEach, beforeEach, expect, test } from 'vitest';
import { TestApiServer } from '../../../test/fakes/api-server.ts';
import { isJsonObject, type JsonObject } from '../../core/json.ts';

let api: TestApiServer;
beforeEach(async () => {
  api = await TestApiServer.start();
});
afterEach(() => api[Symbol.asyncDispose]());

const crds = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const widgets = '/apis/test.dev/v1/namespaces/default/widgets';
const crd = (names: JsonObject = {}): JsonObject => ({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'widgets.test.dev' },
  spec: {
    group: 'test.dev',
    scope: 'Namespaced',
    names: { plural: 'widgets', singular: 'widget', kind: 'Widget', listKind: 'WidgetList', shortNames: ['wdg'], ...names },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        subresources: {
          status: {},
          scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas', labelSelectorPath: '.status.selector' },
        },
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: {
              spec: { type: 'object', properties: { replicas: { type: 'integer', minimum: 0, default: 1 }, colour: { type: 'string' } } },
              status: { type: 'object', properties: { replicas: { type: 'integer' }, selector: { type: 'string' } } },
            },
          },
        },
      },
    ],
  },
});
const widget = (name: string, fields: JsonObject = {}, metadata: JsonObject = {}): JsonObject => ({
  apiVersion: 'test.dev/v1',
  kind: 'Widget',
  metadata: { name, ...metadata },
  ...fields,
});
const metadata = (object: JsonObject): JsonObject => (isJsonObject(object.metadata) ? object.metadata : {});

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise(setImmediate);
}

test('a definition is served as soon as its creation is answered', async () => {
  const created = await api.post(crds, crd());
  const made = await api.post(widgets, widget('a', { spec: {} }));

  expect(created.body.status).toMatchObject({
    acceptedNames: { kind: 'Widget' },
    storedVersions: ['v1'],
    conditions: [
      { type: 'NamesAccepted', status: 'True' },
      { type: 'Established', status: 'True' },
    ],
  });
  expect(made.body).toMatchObject({ spec: { replicas: 1 }, metadata: { generation: 1 } });
  expect((await api.get('/apis/test.dev/v1')).body).toMatchObject({ kind: 'APIResourceList' });
});

test('a restarted server serves what was stored', async () => {
  await api.post(crds, crd());
  const { body } = await api.post(widgets, widget('a'));

  api = await api.restart();

  expect((await api.get(`${widgets}/a`)).body).toEqual(body);
});

test('a definition that cannot be served is refused', async () => {
  const broken = crd();
  const refused = await api.post(crds, { ...broken, spec: { ...(isJsonObject(broken.spec) ? broken.spec : {}), versions: [] } });

  expect(refused.code).toBe(422);
});

test('a second definition may not take a short name of the group', async () => {
  await api.post(crds, crd());
  const other = crd({ plural: 'gadgets', singular: 'gadget', kind: 'Gadget', listKind: 'GadgetList' });
  const { body } = await api.post(crds, { ...other, metadata: { name: 'gadgets.test.dev' } });

  expect(body.status).toMatchObject({
    conditions: [
      { type: 'NamesAccepted', status: 'False', reason: 'NameConflict' },
      { type: 'Established', status: 'False' },
    ],
  });
  expect((await api.get('/apis/test.dev/v1/namespaces/default/gadgets')).code).toBe(404);
});

test('a definition being deleted takes its objects along, and waits for their finalizers', async () => {
  await api.post(crds, crd());
  await api.post(widgets, widget('plain'));
  await api.post(widgets, widget('kept', {}, { finalizers: ['test.dev/hold'] }));

  await api.delete(`${crds}/widgets.test.dev`);
  await until(async () => (await api.get(`${widgets}/plain`)).code === 404);
  const held = await api.get(`${widgets}/kept`);
  await api.mergePatch(`${widgets}/kept`, { metadata: { finalizers: null } });
  await until(async () => (await api.get(`${crds}/widgets.test.dev`)).code === 404);

  expect(metadata(held.body).deletionTimestamp).toBeDefined();
  expect((await api.get(widgets)).body).toMatchObject({ code: 404, message: 'the server could not find the requested resource' });
});

test('spec and status are written through their own doors, and only the spec moves the generation', async () => {
  await api.post(crds, crd());
  const created = await api.post(widgets, widget('a', { spec: { replicas: 2 }, status: { replicas: 9 } }));
  const status = await api.mergePatch(`${widgets}/a/status`, {
    spec: { replicas: 7 },
    status: { replicas: 2 },
    metadata: { labels: { x: 'y' } },
  });
  const spec = await api.mergePatch(`${widgets}/a`, { spec: { replicas: 3 }, status: { replicas: 7 } });
  const label = await api.mergePatch(`${widgets}/a`, { metadata: { labels: { x: 'y' } } });

  expect(created.body.status).toBeUndefined();
  expect(status.body).toMatchObject({ spec: { replicas: 2 }, status: { replicas: 2 }, metadata: { generation: 1 } });
  expect(metadata(status.body).labels).toBeUndefined();
  expect(spec.body).toMatchObject({ spec: { replicas: 3 }, status: { replicas: 2 }, metadata: { generation: 2 } });
  expect(metadata(label.body).generation).toBe(2);
});

test('scale reads and writes the replicas', async () => {
  await api.post(crds, crd());
  await api.post(widgets, widget('a', { spec: { replicas: 2 } }));
  await api.mergePatch(`${widgets}/a/status`, { status: { replicas: 1, selector: 'app=a' } });
  const read = await api.get(`${widgets}/a/scale`);
  const patched = await api.mergePatch(`${widgets}/a/scale`, { spec: { replicas: 5 } });
  const put = await api.put(`${widgets}/a/scale`, { ...patched.body, spec: { replicas: 6 } });
  const stale = await api.put(`${widgets}/a/scale`, { ...patched.body, spec: { replicas: 7 } });

  expect(read.body).toMatchObject({
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    spec: { replicas: 2 },
    status: { replicas: 1, selector: 'app=a' },
  });
  expect(put.body.spec).toEqual({ replicas: 6 });
  expect(stale.code).toBe(409);
  expect((await api.get(`${widgets}/a`)).body).toMatchObject({ spec: { replicas: 6 }, metadata: { generation: 3 } });
  expect((await api.mergePatch(`${widgets}/a/scale`, { spec: { replicas: -1 } })).code).toBe(422);
});

test('custom resources take no strategic merge patch and no update without a revision', async () => {
  await api.post(crds, crd());
  await api.post(widgets, widget('a'));

  expect((await api.strategicPatch(`${widgets}/a`, {})).code).toBe(415);
  expect((await api.put(`${widgets}/a`, widget('a'))).body).toMatchObject({
    code: 422,
    details: { causes: [{ field: 'metadata.resourceVersion' }] },
  });
});
