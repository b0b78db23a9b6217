import { expect, test } from 'vitest';
import type { JsonObject, JsonValue } from '../../../../core/json.ts';
import { structure } from '../structural.ts';
import { compileRules } from './rules.ts';

const text = { type: 'string' };
const number = { type: 'integer' };
type Rule = { readonly rule: string } & JsonObject;

/** A schema with one field `x`, and rules on that field. */
const about = (schema: JsonObject, ...rules: Rule[]): JsonObject => ({
  type: 'object',
  properties: { x: { ...schema, 'x-kubernetes-validations': rules } },
});
const broken = (schema: JsonObject) =>
  compileRules(structure(schema)).broken.map(({ path, index, message }) => `${path}[${index}]: ${message}`);
function refusals(schema: JsonObject, x: JsonValue, old?: JsonValue): string[] {
  const rules = compileRules(structure(schema));
  expect(rules.broken).toEqual([]);
  return rules.validate({ x }, old === undefined ? undefined : { x: old }).map((error) => `${error.field}: ${error.message}`);
}
const holds = (schema: JsonObject, rule: string, x: JsonValue) => refusals(about(schema, { rule }), x).length === 0;

test('a broken rule gives its message at its place; without one, the rule itself', () => {
  const schema = { type: 'object', properties: { min: number, max: number } };
  const rule = 'self.min <= self.max';
  expect(refusals(about(schema, { rule, message: 'min is above max' }), { min: 2, max: 1 })).toEqual([
    'x: Invalid value: min is above max',
  ]);
  expect(refusals(about(schema, { rule }), { min: 2, max: 1 })).toEqual([`x: Invalid value: failed rule: ${rule}`]);
  expect(refusals(about(schema, { rule }), { min: 1, max: 1 })).toEqual([]);
});

test('messageExpression, reason and fieldPath shape the error', () => {
  const schema = { type: 'object', properties: { min: number } };
  const rule = 'self.min > 1';
  expect(refusals(about(schema, { rule, messageExpression: '"min is " + string(self.min)' }), { min: 1 })).toEqual([
    'x: Invalid value: min is 1',
  ]);
  expect(refusals(about(schema, { rule, reason: 'FieldValueForbidden', fieldPath: '.min', message: 'no' }), { min: 1 })).toEqual([
    'x.min: Forbidden: no',
  ]);
  expect(refusals(about(number, { rule: 'self > 1', message: 'more' }), 1)).toEqual(['x: Invalid value: 1: more']);
});

test('an error while judging refuses the object and says why', () => {
  const schema = { type: 'object', properties: { a: text } };
  expect(refusals(about(schema, { rule: 'self.a == "x"' }), {})).toEqual([
    'x: Invalid value: rule evaluation error: No such key: a evaluating rule: self.a == "x"',
  ]);
});

test.each<[string, JsonObject, string, JsonValue, JsonValue]>([
  ['has', { type: 'object', properties: { a: text } }, 'has(self.a)', { a: '' }, {}],
  ['strings', text, 'self.startsWith("a") && self.lowerAscii().endsWith("z") && self.size() < 5', 'abZ', 'ab'],
  ['matches', text, "self.matches('^[a-z]+$')", 'abc', 'a1'],
  ['split and join', text, 'self.split(",").map(p, p.trim()).join("-") == "a-b"', 'a, b', 'a'],
  ['find', text, 'self.find("[0-9]+") == "42" && self.findAll("[0-9]").size() == 2', 'a42', 'a4'],
  ['replace', text, 'self.replace("a", "b") == "bb" && self.replace("a", "b", 1) == "ba"', 'aa', 'a'],
  ['all', { type: 'array', items: number }, 'self.all(n, n > 0) && self.exists(n, n == 3)', [1, 3], [0, 3]],
  ['unique', { type: 'array', items: text }, 'self.all(a, self.exists_one(b, a == b))', ['a', 'b'], ['a', 'a']],
  [
    'lists',
    { type: 'array', items: number },
    'self.sum() == 6 && self.max() == 3 && self.isSorted() && self.indexOf(2) == 1',
    [1, 2, 3],
    [3, 2, 1],
  ],
  ['maps', { type: 'object', additionalProperties: number }, 'self.all(k, self[k] < 3) && "a" in self', { a: 1 }, { b: 1 }],
  ['int or string', { 'x-kubernetes-int-or-string': true }, 'type(self) == int ? self < 5 : self == "50%"', '50%', 7],
  [
    'quantities',
    text,
    'isQuantity(self) && quantity(self).isLessThan(quantity("1Gi")) && quantity(self).compareTo(quantity("0")) > 0',
    '512Mi',
    '2Gi',
  ],
  ['urls', text, 'isURL(self) && url(self).getScheme() == "https" && url(self).getHostname() == "a.b"', 'https://a.b:1/c', 'http://a.b'],
  ['durations', { type: 'string', format: 'duration' }, 'self > duration("1m") && self < duration("1h")', '90s', '30s'],
  [
    'times',
    { type: 'string', format: 'date-time' },
    'self > timestamp("2026-01-01T00:00:00Z")',
    '2026-02-01T00:00:00Z',
    '2025-02-01T00:00:00Z',
  ],
  ['numbers', { type: 'number' }, 'self >= 0.5 && self <= 1.0', 1, 0.25],
  [
    'escaped names',
    { type: 'object', properties: { 'a-b': text, namespace: text, 'c.d': text } },
    'self.a__dash__b == self.__namespace__ && self.c__dot__d == "x"',
    { 'a-b': 'n', namespace: 'n', 'c.d': 'x' },
    { 'a-b': 'n', namespace: 'm', 'c.d': 'x' },
  ],
  [
    'unknown shapes',
    { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
    'self.any.list[0] == 1',
    { any: { list: [1] } },
    { any: { list: [2] } },
  ],
  ['nullable', { type: 'string', nullable: true }, 'self != "x"', 'y', 'x'],
  ['optional fields', { type: 'object', properties: { a: text } }, 'self.?a.orValue("none") == "none"', {}, { a: 'x' }],
  [
    'nested objects',
    { type: 'array', items: { type: 'object', properties: { name: text, n: number } } },
    'self.filter(e, e.n > 1).map(e, e.name) == ["b"]',
    [
      { name: 'a', n: 1 },
      { name: 'b', n: 2 },
    ],
    [{ name: 'a', n: 2 }],
  ],
])('%s', (_name, schema, rule, good, bad) => {
  expect(holds(schema, rule, good)).toBe(true);
  expect(holds(schema, rule, bad)).toBe(false);
});

test('oldSelf makes a transition rule: it waits for an old value', () => {
  const sealed = about(text, { rule: 'self == oldSelf', message: 'is immutable' });
  expect(refusals(sealed, 'a')).toEqual([]);
  expect(refusals(sealed, 'a', 'a')).toEqual([]);
  expect(refusals(sealed, 'b', 'a')).toEqual(['x: Invalid value: "b": is immutable']);
});

test('whole objects can be compared with their old selves', () => {
  const schema = { type: 'object', properties: { a: text, b: { type: 'object', properties: { c: { type: 'array', items: text } } } } };
  const sealed = about(schema, { rule: 'self.b == oldSelf.b' });
  expect(refusals(sealed, { a: 'y', b: { c: ['1'] } }, { a: 'x', b: { c: ['1'] } })).toEqual([]);
  expect(refusals(sealed, { a: 'y', b: { c: ['1', '2'] } }, { a: 'x', b: { c: ['1'] } })).toHaveLength(1);
});

test('optionalOldSelf judges creation too', () => {
  const schema = about(number, { rule: 'oldSelf.hasValue() ? self >= oldSelf.value() : self == 0', optionalOldSelf: true });
  expect(refusals(schema, 0)).toEqual([]);
  expect(refusals(schema, 1)).toHaveLength(1);
  expect(refusals(schema, 1, 0)).toEqual([]);
});

test('items of keyed lists are compared with the old item of the same key', () => {
  const items = {
    type: 'object',
    properties: { name: text, size: { ...number, 'x-kubernetes-validations': [{ rule: 'self >= oldSelf', message: 'cannot shrink' }] } },
  };
  const list = { type: 'array', 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'], items };
  const old = [
    { name: 'a', size: 5 },
    { name: 'b', size: 1 },
  ];
  expect(
    refusals(
      about(list),
      [
        { name: 'b', size: 1 },
        { name: 'a', size: 4 },
      ],
      old,
    ),
  ).toEqual(['x[1].size: Invalid value: 4: cannot shrink']);
});

test('what was invalid already and did not change is tolerated', () => {
  const schema = about(text, { rule: 'self != "bad"' });
  expect(refusals(schema, 'bad', 'bad')).toEqual([]);
  expect(refusals(schema, 'bad', 'good')).toHaveLength(1);
});

test('rules that cannot work are found before any object comes', () => {
  const schema = { type: 'object', properties: { a: text } };
  expect(broken(about(schema, { rule: 'self.b == "x"' }))).toEqual(['properties[x][0]: compilation failed: ERROR: No such key: b']);
  expect(broken(about(text, { rule: 'self +' }))[0]).toMatch(/compilation failed: ERROR/);
  expect(broken(about(text, { rule: 'self > 1' }))[0]).toMatch(/compilation failed: ERROR: no such overload/);
  expect(broken(about(text, { rule: 'self + "a"' }))[0]).toContain('must evaluate to a bool');
  expect(broken(about(text, { rule: 'true', messageExpression: '1' }))[0]).toContain('must evaluate to a string');
  expect(broken(about({ type: 'array', items: { ...text, 'x-kubernetes-validations': [{ rule: 'self == oldSelf' }] } }))).toEqual([
    'properties[x].items[0]: oldSelf cannot be used on the uncorrelatable portion of the schema',
  ]);
});
