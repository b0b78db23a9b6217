import { expect, test } from 'vitest';
import { parseFieldSelector, parseLabelSelector } from './selectors.ts';

const labelled = (labels: Record<string, string>) => ({ metadata: { name: 'n', labels } });

test.each([
  ['a=1', { a: '1' }, true],
  ['a==1', { a: '2' }, false],
  ['a!=1', {}, true],
  ['a in (1, 2)', { a: '2' }, true],
  ['a in (1,2)', {}, false],
  ['a notin (1)', {}, true],
  ['a', { a: '' }, true],
  ['!a', { a: '' }, false],
  ['a>1,a<5', { a: '3' }, true],
  ['a>1', { a: 'x' }, false],
  ['app.kubernetes.io/name=w,tier in (x,y),!gone', { 'app.kubernetes.io/name': 'w', tier: 'y' }, true],
  ['a=', { a: '' }, true],
  ['', {}, true],
])('the label selector %j on %j: %s', (selector, labels, expected) => {
  expect(parseLabelSelector(selector)(labelled(labels))).toBe(expected);
});

test.each(['a=b=c', 'a in 1', '-a', 'a in (b', 'a>x', 'a b'])('refuses the label selector %j', (selector) => {
  expect(() => parseLabelSelector(selector)).toThrow('unable to parse requirement');
});

test('a field selector compares text, absent fields as empty, and honours escapes', () => {
  const object = { metadata: { name: 'n', namespace: 'x' }, status: { phase: 'a,b=c' } };

  expect(parseFieldSelector('metadata.name=n,metadata.namespace!=y', [])(object)).toBe(true);
  expect(parseFieldSelector('status.phase=a\\,b\\=c', ['status.phase'])(object)).toBe(true);
  expect(parseFieldSelector('spec.nodeName=', ['spec.nodeName'])(object)).toBe(true);
  expect(() => parseFieldSelector('spec.other=1', [])).toThrow('field label not supported: spec.other');
  expect(() => parseFieldSelector('nonsense', [])).toThrow("can't understand 'nonsense'");
});
