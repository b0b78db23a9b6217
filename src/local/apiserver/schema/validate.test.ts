import { expect, test } from 'vitest';
import type { JsonObject, JsonValue } from '../../../core/json.ts';
import { duplicateErrors } from './lists.ts';
import { structure } from './structural.ts';
import { schemaValidator } from './validate.ts';

const inSpec = (schema: JsonObject): JsonObject => ({
  type: 'object',
  properties: { spec: { type: 'object', properties: { x: schema } } },
});
const problems = (schema: JsonObject, x: JsonValue, old?: JsonValue): string[] =>
  schemaValidator(inSpec(schema))({ spec: { x } }, old === undefined ? undefined : { spec: { x: old } }).map(
    (error) => `${error.field}: ${error.message}`,
  );

test.each<[JsonObject, JsonValue, string]>([
  [{ type: 'integer' }, 'a', 'spec.x: Invalid value: "string": spec.x in body must be of type integer: "string"'],
  [{ type: 'integer', minimum: 1 }, 0, 'spec.x: Invalid value: 0: spec.x in body should be greater than or equal to 1'],
  [{ type: 'integer', maximum: 3, exclusiveMaximum: true }, 3, 'spec.x: Invalid value: 3: spec.x in body should be less than 3'],
  [{ type: 'integer', multipleOf: 2 }, 3, 'spec.x: Invalid value: 3: spec.x in body should be a multiple of 2'],
  [{ type: 'integer', format: 'int32' }, 2 ** 31, 'spec.x: Invalid value: 2147483648: spec.x in body must be of type int32: 2147483648'],
  [{ type: 'string', enum: ['a', 'b'] }, 'c', 'spec.x: Unsupported value: "c": supported values: "a", "b"'],
  [{ type: 'string', maxLength: 2 }, 'abc', 'spec.x: Too long: may not be more than 2 bytes'],
  [{ type: 'string', minLength: 2 }, '', 'spec.x: Invalid value: "": spec.x in body should be at least 2 chars long'],
  [{ type: 'string', pattern: '^(?i)a+$' }, 'b', 'spec.x: Invalid value: "b": spec.x in body should match \'^(?i)a+$\''],
  [{ type: 'string', format: 'date-time' }, 'today', 'spec.x: Invalid value: "today": spec.x in body must be of type date-time: "today"'],
  [{ type: 'array', items: { type: 'string' }, maxItems: 1 }, ['a', 'b'], 'spec.x: Too many: 2: must have at most 1 items'],
  [{ type: 'array', items: { type: 'object', properties: {}, required: ['name'] } }, [{}], 'spec.x[0].name: Required value'],
  [
    { type: 'object', additionalProperties: { type: 'string' } },
    { '0': 1 },
    'spec.x.0: Invalid value: "integer": spec.x.0 in body must be of type string: "integer"',
  ],
  [
    { type: 'string', anyOf: [{ pattern: '^a' }, { pattern: '^b' }] },
    'c',
    'spec.x: Invalid value: spec.x in body must validate at least one schema (anyOf)',
  ],
  [{ 'x-kubernetes-int-or-string': true }, 1.5, 'spec.x: Invalid value: "number": spec.x in body must be of type integer,string: "number"'],
])('%j refuses %j as Kubernetes words it', (schema, value, message) => {
  expect(problems(schema, value)).toEqual([message]);
});

test('takes nullable, int-or-string, embedded quantities and case-insensitive patterns', () => {
  expect(problems({ type: 'string', nullable: true, enum: ['a'] }, null)).toEqual([]);
  expect(problems({ 'x-kubernetes-int-or-string': true }, '10%')).toEqual([]);
  expect(problems({ type: 'string', pattern: '^(?i)a+$' }, 'AA')).toEqual([]);
  expect(problems({ type: 'string', format: 'some-day' }, 'anything')).toEqual([]);
});

test('tolerates what was invalid already and did not change', () => {
  const schema = { type: 'string', maxLength: 2 };
  expect(problems(schema, 'abc', 'abc')).toEqual([]);
  expect(problems(schema, 'abcd', 'abc')).toHaveLength(1);
});

test('refuses equal items of sets and items of equal keys', () => {
  const map = {
    type: 'array',
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['a'],
    items: { type: 'object', properties: { a: {}, b: {} } },
  };
  const set = { type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'string' } };
  const duplicates = (schema: JsonObject, x: JsonValue) =>
    duplicateErrors({ spec: { x } }, structure(inSpec(schema))).map((error) => `${error.field}: ${error.message}`);
  expect(duplicates(map, [{ a: 1, b: 1 }, { a: 2 }, { a: 1, b: 2 }])).toEqual(['spec.x[2]: Duplicate value: {"a":1}']);
  expect(duplicates(set, ['a', 'b', 'a'])).toEqual(['spec.x[2]: Duplicate value: "a"']);
});
