import { expect, test } from 'vitest';
import { aggregatedType, negotiate } from './negotiation.ts';

test.each([
  [undefined, 'json'],
  ['', 'json'],
  ['*/*', 'json'],
  ['application/vnd.kubernetes.protobuf, application/json', 'json'],
  ['application/json;as=Table;v=v1;g=meta.k8s.io,application/json', 'json'],
  [`${aggregatedType},application/json`, 'aggregated'],
  ['application/json; G=apidiscovery.k8s.io; v=v2; as=APIGroupDiscoveryList', 'aggregated'],
  ['application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json', 'json'],
])('for %j there is %s', (accept, shape) => {
  expect(negotiate(accept, true)).toBe(shape);
});

test.each(['text/html', 'application/vnd.kubernetes.protobuf', 'application/json;as=Table;v=v1;g=meta.k8s.io'])(
  '%j cannot be had',
  (accept) => {
    expect(() => negotiate(accept, true)).toThrow(expect.objectContaining({ code: 406, reason: 'NotAcceptable' }));
  },
);

test('what describes everything is not had where there is only a part', () => {
  expect(() => negotiate(aggregatedType, false)).toThrow('only the following media types are accepted: application/json');
});
