import { expect, test } from 'vitest';
import { parseFieldSelector, parseLabelSelector } from './selectors.ts';

const labelled = (labels: Record<string, string>) => ({ metadata: { name: 'n', labels } });

test('a label selector reads the labels of an object', () => {
  expect(parseLabelSelector('a in (1,2)')(labelled({ a: '2' }))).toBe(true);
  expect(parseLabelSelector('a')({ metadata: { name: 'n' } })).toBe(false);
  expect(parseLabelSelector(null)({ metadata: { name: 'n' } })).toBe(true);
});

test('refuses what is no label selector with a 400', () => {
  expect(() => parseLabelSelector('a=b=c')).toThrow(expect.objectContaining({ code: 400, message: expect.stringContaining('"a=b=c"') }));
});

test('a field selector compares text, absent fields as empty, and honours escapes', () => {
  const object = { metadata: { name: 'n', namespace: 'x' }, status: { phase: 'a,b=c' } };

  expect(parseFieldSelector('metadata.name=n,metadata.namespace!=y', [])(object)).toBe(true);
  expect(parseFieldSelector('status.phase=a\\,b\\=c', ['status.phase'])(object)).toBe(true);
  expect(parseFieldSelector('spec.nodeName=', ['spec.nodeName'])(object)).toBe(true);
  expect(() => parseFieldSelector('spec.other=1', [])).toThrow('field label not supported: spec.other');
  expect(() => parseFieldSelector('nonsense', [])).toThrow("can't understand 'nonsense'");
});
