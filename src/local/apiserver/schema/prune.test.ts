import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { JsonObject } from '../../../core/json.ts';
import { applyDefaults } from './defaults.ts';
import { prune } from './prune.ts';
import { structure } from './structural.ts';

const embedded = structure({ type: 'object', properties: { metadata: { type: 'object', properties: { name: { type: 'string' } } } } });
const keep = (object: JsonObject, schema: JsonObject) => prune(object, structure({ type: 'object', ...schema }), embedded);
const text = { type: 'string' };

test('drops and reports fields that the schema does not name, at any depth', () => {
  const schema = {
    properties: {
      list: { type: 'array', items: { type: 'object', properties: { a: text } } },
      map: { type: 'object', additionalProperties: text },
    },
  };
  const pruned = keep({ list: [{ a: 'x', b: 1 }], map: { any: 'key' }, more: {} }, schema);
  expect(pruned.value).toEqual({ list: [{ a: 'x' }], map: { any: 'key' } });
  expect(pruned.unknown).toEqual(['list[0].b', 'more']);
});

test('keeps everything under preserve-unknown-fields, but checks what the schema names there', () => {
  const schema = {
    properties: {
      open: {
        type: 'object',
        'x-kubernetes-preserve-unknown-fields': true,
        properties: { closed: { type: 'object', properties: { a: text } } },
      },
    },
  };
  expect(keep({ open: { any: { thing: [1] }, closed: { a: 'x', b: 1 } } }, schema)).toEqual({
    value: { open: { any: { thing: [1] }, closed: { a: 'x' } } },
    unknown: ['open.closed.b'],
  });
});

test('knows the metadata of embedded resources and leaves int-or-string alone', () => {
  const schema = {
    properties: {
      template: { type: 'object', 'x-kubernetes-embedded-resource': true, properties: { spec: text } },
      port: { 'x-kubernetes-int-or-string': true },
    },
  };
  expect(keep({ template: { metadata: { name: 'x', odd: 1 }, spec: 's' }, port: 80 }, schema)).toEqual({
    value: { template: { metadata: { name: 'x' }, spec: 's' }, port: 80 },
    unknown: ['template.metadata.odd'],
  });
});

test('drops nulls that are not allowed, so that defaults can take their place', () => {
  const schema = structure({
    type: 'object',
    properties: { a: { type: 'string', default: 'x' }, b: { type: 'string', nullable: true, default: 'y' } },
  });
  expect(applyDefaults(prune({ a: null, b: null }, schema, embedded).value, schema)).toEqual({ a: 'x', b: null });
});

test('defaults fill in what a default leaves out, in lists and maps too, and change nothing that is there', () => {
  const item = { type: 'object', properties: { port: { type: 'integer', default: 80 } } };
  const schema = structure({
    type: 'object',
    properties: {
      engine: { type: 'object', default: {}, properties: { type: { type: 'string', default: 'Worker' } } },
      list: { type: 'array', items: item },
      map: { type: 'object', additionalProperties: item },
    },
  });
  const given = { list: [{}, { port: 1 }], map: { a: {} } };
  expect(applyDefaults(given, schema)).toEqual({ engine: { type: 'Worker' }, list: [{ port: 80 }, { port: 1 }], map: { a: { port: 80 } } });
  expect(given).toEqual({ list: [{}, { port: 1 }], map: { a: {} } });
});

test('pruning and defaulting a second time changes nothing, whatever came in', () => {
  const schema = structure({
    type: 'object',
    properties: {
      a: { type: 'object', default: {}, properties: { b: { type: 'string', default: 'x' } } },
      c: { type: 'array', items: { type: 'object', properties: { d: text } } },
    },
  });
  fc.assert(
    fc.property(fc.object({ key: fc.constantFrom('a', 'b', 'c', 'd', '__proto__', 'toString'), maxDepth: 4 }), (noise) => {
      const object: JsonObject = JSON.parse(JSON.stringify(noise));
      const once = applyDefaults(prune(object, schema, embedded).value, schema);
      const twice = prune(once, schema, embedded);
      expect(twice.unknown).toEqual([]);
      expect(applyDefaults(twice.value, schema)).toEqual(once);
    }),
  );
});
