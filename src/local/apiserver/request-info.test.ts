import { expect, test } from 'vitest';
import { parseResourcePath } from './request-info.ts';

test.each([
  ['/api/v1/pods', { group: '', version: 'v1', plural: 'pods' }],
  ['/api/v1/namespaces', { group: '', version: 'v1', plural: 'namespaces' }],
  ['/api/v1/namespaces/a', { group: '', version: 'v1', plural: 'namespaces', name: 'a' }],
  ['/api/v1/namespaces/a/finalize', { group: '', version: 'v1', plural: 'namespaces', name: 'a', subresource: 'finalize' }],
  ['/api/v1/namespaces/a/pods', { group: '', version: 'v1', plural: 'pods', namespace: 'a' }],
  ['/api/v1/namespaces/a/pods/b/log', { group: '', version: 'v1', plural: 'pods', namespace: 'a', name: 'b', subresource: 'log' }],
  ['/apis/x.dev/v1/things/a%2Fb', { group: 'x.dev', version: 'v1', plural: 'things', name: 'a/b' }],
  [
    '/apis/x.dev/v1/namespaces/a/things/b/status',
    { group: 'x.dev', version: 'v1', plural: 'things', namespace: 'a', name: 'b', subresource: 'status' },
  ],
])('%s names %j', (path, named) => {
  expect(parseResourcePath(path)).toEqual(named);
});

test.each([
  '/',
  '/api',
  '/api/v1',
  '/apis/x.dev/v1',
  '/api/v1//pods',
  '/api/v1/pods/%zz',
  '/api/v1/namespaces/a/pods/b/log/more',
  '/healthz',
])('%s names no resource', (path) => {
  expect(parseResourcePath(path)).toBeUndefined();
});
