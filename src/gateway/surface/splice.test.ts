import fc from 'fast-check';
import { expect, test } from 'vitest';
import { spliceFields } from './splice.ts';

const splice = (text: string, set: object, prepend?: { field: string; element: { role: string } }) =>
  spliceFields(Buffer.from(text), JSON.parse(text), { set: JSON.parse(JSON.stringify(set)), prepend }).toString();

test('new fields come first, and every other byte stays', () => {
  expect(splice(' {\n "a" : 1.0e3, "b":"\\u00e9"}', { c: { d: true } })).toBe(' {"c":{"d":true},\n "a" : 1.0e3, "b":"\\u00e9"}');
  expect(splice('{}', { c: 1 })).toBe('{"c":1}');
});

test('a value is replaced where it is, also one that is there twice or under an escaped name', () => {
  expect(splice('{"a": 10 ,"x":[{"a":1}],"a":"\\\\\\""}', { a: 5 })).toBe('{"a": 5 ,"x":[{"a":1}],"a":5}');
  expect(splice('{"\\u0061":9}', { a: 5 })).toBe('{"\\u0061":5}');
});

test('an element is put in front of an array, empty or not', () => {
  const prepend = { field: 'm', element: { role: 's' } };
  expect(splice('{"m":[ ]}', {}, prepend)).toBe('{"m":[{"role":"s"} ]}');
  expect(splice('{"k":"]","m":[1,2]}', { k: 1 }, prepend)).toBe('{"k":1,"m":[{"role":"s"},1,2]}');
});

test('the result means what was asked for, whatever the JSON', () => {
  const name = fc.oneof(fc.constantFrom('max_tokens', 'stream_options', 'a"b', '\\'), fc.string());
  const object = fc.dictionary(name, fc.jsonValue());
  fc.assert(
    fc.property(object, object, fc.constantFrom(0, 2, '\t'), (present, set, indent) => {
      const body = Buffer.from(JSON.stringify(present, undefined, indent));
      const result = spliceFields(body, present, { set: JSON.parse(JSON.stringify(set)) });
      expect(JSON.parse(result.toString())).toEqual(JSON.parse(JSON.stringify({ ...present, ...set })));
    }),
    { examples: [[{ max_tokens: [], toString: [] }, { max_tokens: {} }, 0]] },
  );
});
