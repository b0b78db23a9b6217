import fc from 'fast-check';
import { expect, test } from 'vitest';
import { withoutManagedFields } from './managed-fields.ts';

const cut = (value: unknown): unknown => JSON.parse(withoutManagedFields(Buffer.from(JSON.stringify(value))));

/** Drops them from the parsed value, as a yardstick. */
function dropped(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(dropped);
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value).filter(([name, part]) => name !== 'managedFields' || !Array.isArray(part));
  return Object.fromEntries(kept.map(([name, part]) => [name, dropped(part)]));
}

test('drops the fields of managers wherever they stand', () => {
  const fields = [{ manager: 'kubelet', fieldsV1: { 'k:{"type":"]\\"["}': { '.': {} }, list: [[1], ['ü']] } }];
  expect(cut({ metadata: { name: 'a', managedFields: fields }, spec: {} })).toEqual({ metadata: { name: 'a' }, spec: {} });
  expect(cut({ metadata: { managedFields: fields, name: 'ü' } })).toEqual({ metadata: { name: 'ü' } });
  expect(cut({ items: [{ metadata: { managedFields: [] } }, { metadata: { managedFields: fields } }] })).toEqual({
    items: [{ metadata: {} }, { metadata: {} }],
  });
});

test('what only looks like them stays', () => {
  const note = { note: '"managedFields":[1]', managedFields: null };
  expect(cut(note)).toEqual(note);
});

test('a document that is cut off stays as it is', () => {
  const text = '{"metadata":{"managedFields":[{"manager":"x';
  expect(withoutManagedFields(Buffer.from(text))).toBe(text);
});

test('all else of any document is as it was', () => {
  const name = fc.oneof(fc.constant('managedFields'), fc.string());
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof({ depthSize: 'small' }, fc.string({ unit: 'grapheme' }), fc.integer(), tie('list'), tie('object')),
    list: fc.array(tie('value'), { maxLength: 3 }),
    object: fc.dictionary(name, tie('value'), { maxKeys: 3, noNullPrototype: true }),
  }));
  // JSON.parse and Object.fromEntries treat this name differently.
  const documents = value.filter((document) => !JSON.stringify(document).includes('__proto__'));
  fc.assert(
    fc.property(documents, (document) => {
      expect(cut(document)).toEqual(dropped(document));
    }),
  );
});
