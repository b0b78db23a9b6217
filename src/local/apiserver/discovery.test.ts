import { expect, test } from 'vitest';
import { isJsonObject } from '../../core/json.ts';
import { discoveryDocument } from './discovery.ts';
import { openapiDocument } from './openapi.ts';
import { builtinResources, definitionsFromCrd } from './resources/index.ts';

const version = (name: string, storage: boolean) => ({
  name,
  served: true,
  storage,
  subresources: { status: {}, scale: { specReplicasPath: '.spec.n', statusReplicasPath: '.status.n' } },
  schema: {
    openAPIV3Schema: {
      type: 'object',
      properties: { spec: { type: 'object', description: 'What is wanted.', properties: { n: { type: 'integer', nullable: true } } } },
    },
  },
});
const widgets = definitionsFromCrd({
  spec: {
    group: 'example.com',
    scope: 'Namespaced',
    names: { plural: 'widgets', kind: 'Widget', shortNames: ['w'], categories: ['all'] },
    versions: [version('v1alpha1', false), version('v1', true), version('v1beta1', false), version('v2', false)],
  },
});
const all = [...builtinResources, ...widgets];
const aggregated = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json';

test('groups prefer their most stable version', () => {
  expect(discoveryDocument('/apis/example.com', undefined, all)).toMatchObject({
    kind: 'APIGroup',
    versions: [{ version: 'v2' }, { version: 'v1' }, { version: 'v1beta1' }, { version: 'v1alpha1' }],
    preferredVersion: { groupVersion: 'example.com/v2', version: 'v2' },
  });
});

test('a version lists its resources with their subresources', () => {
  expect(discoveryDocument('/apis/example.com/v1', undefined, all)).toEqual({
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion: 'example.com/v1',
    resources: [
      expect.objectContaining({
        name: 'widgets',
        singularName: 'widget',
        namespaced: true,
        kind: 'Widget',
        shortNames: ['w'],
        categories: ['all'],
      }),
      expect.objectContaining({ name: 'widgets/scale', group: 'autoscaling', version: 'v1', kind: 'Scale' }),
      expect.objectContaining({ name: 'widgets/status', kind: 'Widget' }),
    ],
  });
  expect(discoveryDocument('/api/v1', undefined, all)).toMatchObject({ groupVersion: 'v1' });
});

test('one aggregated document describes every group, when asked for', () => {
  expect(discoveryDocument('/api', undefined, all)).toMatchObject({ kind: 'APIVersions', versions: ['v1'] });
  expect(discoveryDocument('/api', aggregated, all)).toMatchObject({
    kind: 'APIGroupDiscoveryList',
    items: [{ metadata: {}, versions: [{ version: 'v1' }] }],
  });
  const groups = discoveryDocument('/apis', aggregated, all);
  expect(groups?.items).toContainEqual(expect.objectContaining({ metadata: { name: 'example.com' } }));
  expect(discoveryDocument('/apis', 'application/json', all)).toMatchObject({ kind: 'APIGroupList' });
});

test.each(['/apis/nothing.com', '/apis/example.com/v9', '/api/v2', '/other', '/apis/example.com/v1/widgets'])('%s is not there', (path) => {
  expect(discoveryDocument(path, undefined, all)).toBeUndefined();
});

test('OpenAPI tells kubectl that the server validates fields and dry-runs, and whether strategic merge is understood', () => {
  const index = openapiDocument('/openapi/v3', all)?.body.paths;
  expect(index).toHaveProperty(
    ['apis/example.com/v1', 'serverRelativeURL'],
    expect.stringMatching(/^\/openapi\/v3\/apis\/example\.com\/v1\?hash=[0-9A-F]{64}$/),
  );
  const document = openapiDocument('/openapi/v3/apis/example.com/v1', all)?.body;
  const patch = ['paths', '/apis/example.com/v1/namespaces/{namespace}/widgets/{name}', 'patch'];
  expect(document).toHaveProperty([...patch, 'x-kubernetes-group-version-kind'], { group: 'example.com', version: 'v1', kind: 'Widget' });
  expect(document).toHaveProperty(
    [...patch, 'parameters'],
    expect.arrayContaining([expect.objectContaining({ name: 'fieldValidation' }), expect.objectContaining({ name: 'dryRun' })]),
  );
  expect(document).not.toHaveProperty([...patch, 'requestBody', 'content', 'application/strategic-merge-patch+json']);
  expect(document).toHaveProperty(
    ['components', 'schemas', 'com.example.v1.Widget', 'properties', 'spec', 'description'],
    'What is wanted.',
  );
  const core = openapiDocument('/openapi/v3/api/v1', all)?.body;
  expect(core).toHaveProperty([
    'paths',
    '/api/v1/namespaces/{namespace}/pods/{name}',
    'patch',
    'requestBody',
    'content',
    'application/strategic-merge-patch+json',
  ]);
});

test('documents are made once for a list of definitions, and their hash follows what is in them', () => {
  const first = openapiDocument('/openapi/v3/apis/example.com/v1', all);
  expect(openapiDocument('/openapi/v3/apis/example.com/v1', all)).toBe(first);
  expect(openapiDocument('/openapi/v3/apis/example.com/v1', [...all])?.etag).toBe(first?.etag);
  expect(openapiDocument('/openapi/v3/apis/example.com/v2', all)?.etag).not.toBe(first?.etag);
  expect(openapiDocument('/openapi/v3/apis/nothing/v1', all)).toBeUndefined();
});

test('Swagger has the same types without what it cannot say', () => {
  const definitions = openapiDocument('/openapi/v2', all)?.body.definitions;
  if (!isJsonObject(definitions)) throw new Error('no definitions');
  expect(definitions['com.example.v1.Widget']).toMatchObject({ properties: { spec: { properties: { n: { type: 'integer' } } } } });
  expect(JSON.stringify(definitions)).not.toContain('"nullable"');
});
