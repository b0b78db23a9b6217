import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Environment } from '@marcbachmann/cel-js';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import { modelDeploymentSpec } from '../model-deployment-spec.ts';
import { tenantSpec } from '../tenant.ts';
import { validationExamples } from '../testing/validation-examples.ts';
import { customResourceDefinitions } from './definitions.ts';

const [modelDeploymentCrd, tenantCrd] = ['modeldeployments', 'tenants'].map((plural) => {
  const crd = customResourceDefinitions()[`modelfleet.dev_${plural}.yaml`];
  if (!crd) throw new Error(`no CRD for ${plural}`);
  return crd;
}) as [JsonObject, JsonObject];

function at(value: JsonValue | undefined, ...path: (string | number)[]): JsonObject {
  let here: unknown = value;
  for (const step of path) here = (here as Record<string, unknown> | undefined)?.[step];
  return isJsonObject(here) ? here : {};
}

const schemaOf = (crd: JsonObject) => at(crd, 'spec', 'versions', 0, 'schema', 'openAPIV3Schema');

type Visit = { schema: JsonObject; path: string };

/** Every schema below this one, with where it is. */
function* nodes(schema: JsonObject, path = ''): Generator<Visit> {
  yield { schema, path };
  for (const [name, field] of Object.entries(at(schema, 'properties'))) yield* nodes(at(field), path ? `${path}.${name}` : name);
  if (schema.items) yield* nodes(at(schema, 'items'), `${path}[]`);
  if (schema.additionalProperties) yield* nodes(at(schema, 'additionalProperties'), `${path}{}`);
}

const rulesOf = (schema: JsonObject) =>
  (Array.isArray(schema['x-kubernetes-validations']) ? schema['x-kubernetes-validations'] : []).map((rule) => ({
    rule: String(at(rule).rule),
    message: String(at(rule).message),
  }));

/** Whole numbers as CEL has them. */
function celValue(value: JsonValue | undefined): unknown {
  if (typeof value === 'number') return Number.isInteger(value) ? BigInt(value) : value;
  if (Array.isArray(value)) return value.map(celValue);
  if (isJsonObject(value)) return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, celValue(field)]));
  return value;
}

const cel = new Environment().registerVariable('self', 'dyn').registerVariable('oldSelf', 'dyn');

/** What the rules of a schema find wrong, as `field: message`. */
function violations(schema: JsonObject, value: JsonValue | undefined, old: JsonValue | undefined, path = ''): string[] {
  if (value === undefined) return [];
  const broken = rulesOf(schema)
    .filter(({ rule }) => old !== undefined || !rule.includes('oldSelf'))
    .filter(({ rule }) => cel.evaluate(rule, { self: celValue(value), oldSelf: celValue(old) }) !== true)
    .map(({ message }) => `${path}: ${message}`);
  const fields = Object.entries(at(schema, 'properties')).flatMap(([name, field]) =>
    violations(at(field), at(value)[name], at(old)[name], path ? `${path}.${name}` : name),
  );
  const entries = schema.additionalProperties
    ? Object.entries(at(value)).flatMap(([name, field]) =>
        violations(at(schema, 'additionalProperties'), field, undefined, `${path}[${name}]`),
      )
    : [];
  const items = Array.isArray(value)
    ? value.flatMap((item, index) => violations(at(schema, 'items'), item, undefined, `${path}[${index}]`))
    : [];
  return [...broken, ...fields, ...entries, ...items];
}

function withDefaults(schema: JsonObject, value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map((item) => withDefaults(at(schema, 'items'), item));
  if (!isJsonObject(value)) return value;
  const result: JsonObject = { ...value };
  for (const [name, field] of Object.entries(at(schema, 'properties'))) {
    const given = result[name] ?? at(field).default;
    if (given !== undefined) result[name] = withDefaults(at(field), given);
  }
  return result;
}

/** All that is wrong with an object: first what its zod type says, as `field: message`, then its rules. */
function problems(object: JsonObject, before: JsonObject | undefined): string[] {
  const isTenant = object.kind === 'Tenant';
  const schema = schemaOf(isTenant ? tenantCrd : modelDeploymentCrd);
  const parsed = (isTenant ? tenantSpec : modelDeploymentSpec).safeParse(object.spec);
  const shape = parsed.success ? [] : parsed.error.issues.map((issue) => `${fieldPath(['spec', ...issue.path])}: ${issue.message}`);
  return [...shape, ...violations(schema, withDefaults(schema, object), before && withDefaults(schema, before))];
}

function fieldPath(path: readonly PropertyKey[]): string {
  return path.map((step, index) => (index === 0 ? String(step) : typeof step === 'number' ? `[${step}]` : `.${String(step)}`)).join('');
}

describe.each(validationExamples)('$what', ({ accepted, refused, before, field, message }) => {
  test('is accepted', () => expect(problems(accepted, before)).toEqual([]));

  test('is asked for', () => {
    const found = problems(refused, before);
    expect(found.length).toBeGreaterThan(0);
    if (message) expect(found.find((text) => text.startsWith(`${field}: ${message}`))).toBeDefined();
    else expect(found.join('\n')).toContain(field);
  });
});

test('each rule has an example that breaks it and no other rule', () => {
  const all = [modelDeploymentCrd, tenantCrd].flatMap((crd) =>
    [...nodes(schemaOf(crd))].flatMap(({ schema, path }) => rulesOf(schema).map(({ message }) => `${path}: ${message}`)),
  );
  const broken = validationExamples.flatMap(({ refused, before }) => {
    const schema = schemaOf(refused.kind === 'Tenant' ? tenantCrd : modelDeploymentCrd);
    const found = violations(schema, withDefaults(schema, refused), before && withDefaults(schema, before));
    expect(found.length, JSON.stringify(found)).toBeLessThan(2);
    return found.map((text) => text.replace(/\[\d+\]/, '[]').replace(/\[[a-z][^\]]*\]/, '{}'));
  });
  expect(all.filter((rule) => !broken.includes(rule))).toEqual([]);
});

describe.each([
  ['ModelDeployment', modelDeploymentCrd],
  ['Tenant', tenantCrd],
])('the schema of %s', (_, crd) => {
  const all = [...nodes(schemaOf(crd))];

  test('is structural: every node has a type and nothing that an API server refuses', () => {
    for (const { schema, path } of all) {
      expect(schema['x-kubernetes-int-or-string'] === true || typeof schema.type === 'string', path).toBe(true);
      for (const keyword of ['oneOf', 'allOf', 'not', '$ref', 'definitions']) expect(schema, path).not.toHaveProperty([keyword]);
      if (schema.properties) expect(schema, path).not.toHaveProperty(['additionalProperties']);
    }
  });

  test('bounds every list, map and text, so that the cost of rules stays legal', () => {
    for (const { schema, path } of all) {
      if (/^(apiVersion|kind|metadata)?$/.test(path)) continue;
      if (schema.type === 'array') expect(schema, path).toHaveProperty('maxItems');
      if (schema.type === 'string' && !schema.enum) expect(schema, path).toHaveProperty('maxLength');
      if (schema.additionalProperties) expect(schema, path).toHaveProperty('maxProperties');
    }
  });

  test('says how each list merges', () => {
    for (const { schema, path } of all) {
      if (schema.type !== 'array') continue;
      expect(['atomic', 'set', 'map'], path).toContain(schema['x-kubernetes-list-type']);
      const keys = schema['x-kubernetes-list-map-keys'];
      if (Array.isArray(keys)) expect(at(schema, 'items').required, path).toEqual(expect.arrayContaining(keys));
    }
  });

  test('has defaults that its own rules accept without more defaulting', () => {
    for (const { schema, path } of all) {
      if (schema.default !== undefined) expect(violations(schema, schema.default, schema.default), path).toEqual([]);
    }
  });

  test('uses regular expressions that RE2 knows', () => {
    const patterns = all
      .flatMap(({ schema }) => [schema.pattern, ...rulesOf(schema).map(({ rule }) => rule)])
      .filter((text) => text !== undefined);
    for (const pattern of patterns) expect(pattern).not.toMatch(/\(\?[=!<]|\\[1-9]/);
  });

  test('describes each field', () => {
    const inSpec = all.filter(
      ({ path }) => /^(spec|status)\./.test(path) && !/[\]}]$/.test(path) && !/\.(tolerations|env)\[\]\./.test(path),
    );
    for (const { schema, path } of inSpec) expect(schema.description, path).toEqual(expect.stringMatching(/\.$/));
  });
});

test('the defaults of zod and of the CRD are the same', () => {
  const spec = { model: { source: 'hf://a/b' }, scaling: { maxReplicas: 2 }, resources: { gpu: {} } };
  expect(withDefaults(at(schemaOf(modelDeploymentCrd), 'properties', 'spec'), spec)).toEqual(modelDeploymentSpec.parse(spec));
});

test.each(Object.entries(customResourceDefinitions()))('crds/%s is up to date (npm run generate)', (name, definition) => {
  expect(parse(readFileSync(join(import.meta.dirname, '../../../crds', name), 'utf8'))).toEqual(definition);
});
