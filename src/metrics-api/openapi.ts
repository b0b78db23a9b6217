import { createHash } from 'node:crypto';
import { fleetMetrics, metricNames } from '../api/fleet-metrics.ts';
import type { JsonObject } from '../core/json.ts';
import { customMetrics, externalMetrics, groupVersionOf, type ServedGroup, servedGroups } from './groups.ts';

/** What OpenAPI says of this server at each path. */
export function openapiDocuments(): Readonly<Record<string, JsonObject>> {
  const perGroup = servedGroups.map((group) => [`apis/${groupVersionOf(group)}`, openapi3(group)] as const);
  const index = perGroup.map(([name, document]) => {
    const hash = createHash('sha256').update(JSON.stringify(document)).digest('hex').toUpperCase();
    return [name, { serverRelativeURL: `/openapi/v3/${name}?hash=${hash}` }];
  });
  return {
    '/openapi/v2': openapi2(),
    '/openapi/v3': { paths: Object.fromEntries(index) },
    ...Object.fromEntries(perGroup.map(([name, document]) => [`/openapi/v3/${name}`, document])),
  };
}

const text = { type: 'string' };
const labels = { type: 'object', additionalProperties: text };
const quantity = { type: 'string', description: 'A quantity: whole, or in thousandths as in 1500m.' };
const time = { type: 'string', format: 'date-time' };

function object(description: string, properties: JsonObject): JsonObject {
  return { type: 'object', description, properties };
}

function list(group: ServedGroup, item: JsonObject): JsonObject {
  return {
    ...object(group.description, { apiVersion: text, kind: text, metadata: { type: 'object' }, items: { type: 'array', items: item } }),
    required: ['items'],
    'x-kubernetes-group-version-kind': [kindOf(group)],
  };
}

const externalValue = object('The value of one series.', { metricName: text, metricLabels: labels, timestamp: time, value: quantity });
const described = object('The ModelDeployment.', { apiVersion: text, kind: text, namespace: text, name: text });
const customValue = object('The value for one ModelDeployment.', {
  describedObject: described,
  metric: object('The metric.', { name: text }),
  timestamp: time,
  value: quantity,
});

/** The schema of what a group answers, and its name: each is defined once for all versions of OpenAPI. */
const schemas = new Map<ServedGroup, { readonly name: string; readonly schema: JsonObject }>([
  [externalMetrics, { name: 'dev.modelfleet.metrics.ExternalMetricValueList', schema: list(externalMetrics, externalValue) }],
  [customMetrics, { name: 'dev.modelfleet.metrics.MetricValueList', schema: list(customMetrics, customValue) }],
]);

function schemaOf(group: ServedGroup): { readonly name: string; readonly schema: JsonObject } {
  const found = schemas.get(group);
  if (!found) throw new Error(`${group.kind} has no schema`);
  return found;
}

function kindOf({ group, version, kind }: ServedGroup): JsonObject {
  return { group, version, kind };
}

const metricsInWords = `The metric asked for. ${metricNames.map((name) => `\`${name}\`: ${fleetMetrics[name].help}`).join(' ')}`;

type Parameter = { readonly name: string; readonly where: 'path' | 'query'; readonly description: string };

function parametersOf({ path, query }: ServedGroup): Parameter[] {
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => ({
    name,
    where: 'path' as const,
    description: name === 'metric' ? metricsInWords : `The ${name} asked for.`,
  }));
  return [...inPath, ...Object.entries(query).map(([name, description]) => ({ name, where: 'query' as const, description }))];
}

function operationOf(group: ServedGroup): JsonObject {
  return {
    description: group.description,
    operationId: `read${group.kind}`,
    tags: [groupVersionOf(group)],
    'x-kubernetes-action': 'get',
    'x-kubernetes-group-version-kind': kindOf(group),
  };
}

const pathOf = (group: ServedGroup) => `/apis/${groupVersionOf(group)}/${group.path}`;

function openapi2(): JsonObject {
  const path = (group: ServedGroup) => ({
    get: {
      ...operationOf(group),
      produces: ['application/json'],
      parameters: parametersOf(group).map(({ name, where, description }) => ({
        name,
        in: where,
        description,
        type: 'string',
        ...(where === 'path' ? { required: true } : { uniqueItems: true }),
      })),
      responses: { '200': { description: 'OK', schema: { $ref: `#/definitions/${schemaOf(group).name}` } } },
    },
  });
  return {
    swagger: '2.0',
    info: { title: 'Modelfleet metrics', version: 'v1' },
    paths: Object.fromEntries(servedGroups.map((group) => [pathOf(group), path(group)])),
    definitions: Object.fromEntries(servedGroups.map((group) => [schemaOf(group).name, schemaOf(group).schema])),
  };
}

function openapi3(group: ServedGroup): JsonObject {
  const { name, schema } = schemaOf(group);
  const get = {
    ...operationOf(group),
    parameters: parametersOf(group).map(({ name: parameter, where, description }) => ({
      name: parameter,
      in: where,
      description,
      required: where === 'path',
      schema: { type: 'string' },
    })),
    responses: {
      '200': { description: 'OK', content: { 'application/json': { schema: { $ref: `#/components/schemas/${name}` } } } },
    },
  };
  return {
    openapi: '3.0.0',
    info: { title: 'Modelfleet metrics', version: group.version },
    paths: { [pathOf(group)]: { get } },
    components: { schemas: { [name]: schema } },
  };
}
