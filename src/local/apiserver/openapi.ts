import { createHash } from 'node:crypto';
import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import type { ResourceDefinition } from './resource.ts';

/** An OpenAPI document, and what tells it from another. */
export type Document = { readonly body: JsonObject; readonly etag: string };

const info = { title: 'Modelfleet embedded Kubernetes API', version: 'v1.35.0' };
const parameter = (name: string, type = 'string'): JsonObject => ({ name, in: 'query', schema: { type, uniqueItems: true } });
const pathParameter = (name: string): JsonObject => ({ name, in: 'path', required: true, schema: { type: 'string', uniqueItems: true } });
// kubectl looks for these two before it leaves dry runs and field validation to the server.
const writeParameters = [parameter('dryRun'), parameter('fieldManager'), parameter('fieldValidation')];
const listParameters = ['continue', 'fieldSelector', 'labelSelector', 'resourceVersion'].map((name) => parameter(name));

function groupVersionPath({ group, version }: ResourceDefinition): string {
  return group === '' ? `api/${version}` : `apis/${group}/${version}`;
}

/** `dev.modelfleet.v1alpha1.ModelDeployment`: the group backwards, as published CRDs are named. */
function schemaName({ group, version, kind, builtin }: ResourceDefinition): string {
  if (builtin) return `io.k8s.api.${group === '' ? 'core' : (group.split('.')[0] ?? group)}.${version}.${kind}`;
  return `${group.split('.').reverse().join('.')}.${version}.${kind}`;
}

function operation(definition: ResourceDefinition, action: string, extra: JsonObject): JsonObject {
  const { group, version, kind, plural } = definition;
  const body = { schema: { $ref: `#/components/schemas/${schemaName(definition)}` } };
  return {
    operationId: `${action}${kind}In${plural}${version}`,
    responses: { '200': { description: 'OK', content: { 'application/json': body } } },
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': { group, version, kind },
    ...extra,
  };
}

function patchContent(definition: ResourceDefinition): JsonObject {
  const types = ['application/json-patch+json', 'application/merge-patch+json', 'application/apply-patch+yaml'];
  // Naming strategic merge here makes kubectl send it.
  if (definition.builtin) types.push('application/strategic-merge-patch+json');
  return Object.fromEntries(types.map((type) => [type, { schema: { type: 'object' } }]));
}

function pathItems(definition: ResourceDefinition): [string, JsonObject][] {
  const root = `/${groupVersionPath(definition)}`;
  const scope = definition.namespaced ? [pathParameter('namespace')] : [];
  const collection = definition.namespaced ? `${root}/namespaces/{namespace}/${definition.plural}` : `${root}/${definition.plural}`;
  const content = { 'application/json': { schema: { $ref: `#/components/schemas/${schemaName(definition)}` } } };
  const write = { parameters: writeParameters, requestBody: { content, required: true } };
  const list = operation(definition, 'list', { parameters: listParameters });
  return [
    [
      collection,
      { parameters: scope, get: list, post: operation(definition, 'post', write), delete: operation(definition, 'deletecollection', {}) },
    ],
    [
      `${collection}/{name}`,
      {
        parameters: [...scope, pathParameter('name')],
        get: operation(definition, 'get', {}),
        put: operation(definition, 'put', write),
        patch: operation(definition, 'patch', {
          parameters: [...writeParameters, parameter('force', 'boolean')],
          requestBody: { content: patchContent(definition), required: true },
        }),
        delete: operation(definition, 'delete', { parameters: [parameter('dryRun')] }),
      },
    ],
    ...(definition.namespaced ? [[`${root}/${definition.plural}`, { get: list }] satisfies [string, JsonObject]] : []),
  ];
}

function groupDocument(definitions: readonly ResourceDefinition[]): JsonObject {
  return {
    openapi: '3.0.0',
    info,
    paths: Object.fromEntries(definitions.flatMap(pathItems)),
    components: { schemas: Object.fromEntries(definitions.map((definition) => [schemaName(definition), definition.schema])) },
  };
}

/** Keywords that Swagger 2.0 does not have. */
const beyondSwagger = new Set(['nullable', 'anyOf', 'oneOf', 'not', 'x-kubernetes-validations']);

function toSwagger(schema: JsonValue): JsonValue {
  if (Array.isArray(schema)) return schema.map(toSwagger);
  if (!isJsonObject(schema)) return schema;
  return Object.fromEntries(Object.entries(schema).flatMap(([name, value]) => (beyondSwagger.has(name) ? [] : [[name, toSwagger(value)]])));
}

function swagger(definitions: readonly ResourceDefinition[]): JsonObject {
  const schemas = definitions.map((definition) => [schemaName(definition), toSwagger(definition.schema)]);
  return { swagger: '2.0', info, paths: {}, definitions: Object.fromEntries(schemas) };
}

/** The document of this content. */
export function withEtag(body: JsonObject): Document {
  return { body, etag: createHash('sha256').update(JSON.stringify(body)).digest('hex').toUpperCase() };
}

// A definition list is never changed but replaced, so its documents are made once.
const made = new WeakMap<readonly ResourceDefinition[], Map<string, Document>>();

function once(definitions: readonly ResourceDefinition[], key: string, make: () => JsonObject): Document {
  let documents = made.get(definitions);
  if (!documents) {
    documents = new Map();
    made.set(definitions, documents);
  }
  let document = documents.get(key);
  if (!document) {
    document = withEtag(make());
    documents.set(key, document);
  }
  return document;
}

/** The OpenAPI document at `/openapi/v3`, `/openapi/v3/apis/G/V`, `/openapi/v3/api/v1` or `/openapi/v2` (without query); undefined elsewhere. */
export function openapiDocument(path: string, definitions: readonly ResourceDefinition[]): Document | undefined {
  const trimmed = path.replace(/\/+$/, '');
  if (trimmed === '/openapi/v2') return once(definitions, 'v2', () => swagger(definitions));
  if (trimmed === '/openapi/v3') return once(definitions, 'v3', () => index(definitions));
  const groupVersion = /^\/openapi\/v3\/(.+)$/.exec(trimmed)?.[1];
  if (groupVersion === undefined) return undefined;
  const members = definitions.filter((definition) => groupVersionPath(definition) === groupVersion);
  return members.length > 0 ? once(definitions, groupVersion, () => groupDocument(members)) : undefined;
}

/** The index names each document by its hash, so that clients may keep it for ever. */
function index(definitions: readonly ResourceDefinition[]): JsonObject {
  const groupVersions = [...new Set(definitions.map(groupVersionPath))];
  const paths = groupVersions.map((each) => [
    each,
    { serverRelativeURL: `/openapi/v3/${each}?hash=${openapiDocument(`/openapi/v3/${each}`, definitions)?.etag}` },
  ]);
  return { paths: Object.fromEntries(paths) };
}
