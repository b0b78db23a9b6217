import { expect, test } from 'vitest';
import { LabelSelectorError, parseLabelSelector } from './label-selector.ts';

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
  expect(parseLabelSelector(selector).matches(labels)).toBe(expected);
});

test.each(['a=b=c', 'a in 1', '-a', 'a in (b', 'a>x', 'a b'])('refuses the label selector %j', (selector) => {
  expect(() => parseLabelSelector(selector)).toThrow(LabelSelectorError);
  expect(() => parseLabelSelector(selector)).toThrow('unable to parse requirement');
});

test.each([
  ['a=1', '1'],
  ['b=2,a in (1)', '1'],
  ['a in (1,2)', undefined],
  ['a!=1', undefined],
  ['a notin (1)', undefined],
  ['a', undefined],
  ['', undefined],
])('%j leaves the label a the value %j alone', (selector, expected) => {
  expect(parseLabelSelector(selector).only('a')).toBe(expected);
});
