import { beforeEach, expect, test } from 'vitest';
import { FakeClock } from '../core/fake-clock.ts';
import { ConnectionError, type RawRequest } from '../kube/index.ts';
import { Reviews } from './reviews.ts';
import type { Access, User } from './user.ts';

const access: Access = { verb: 'list', group: 'external.metrics.k8s.io', version: 'v1beta1', namespace: 'models', resource: 'm' };
const jane: User = { name: 'jane', groups: ['team'], extra: { scopes: ['read'] } };
let clock: FakeClock;
let reviews: Reviews;
let answers: unknown[];
const asked: [path: string, body: unknown][] = [];

beforeEach(() => {
  clock = new FakeClock();
  answers = [];
  asked.length = 0;
  const request = async (_method: string, path: string, { body }: RawRequest = {}) => {
    asked.push([path, body]);
    const answer = answers.shift();
    if (answer instanceof Error) throw answer;
    return { status: answer };
  };
  reviews = new Reviews({ client: { request }, clock, signal: new AbortController().signal });
});

test('the API server says whose a token is', async () => {
  answers = [{ authenticated: true, user: { username: 'jane', uid: '7', groups: ['team'], extra: { scopes: ['read'] } } }];
  expect(await reviews.userOf('secret')).toEqual({ ...jane, uid: '7' });
  expect(asked).toEqual([
    [
      '/apis/authentication.k8s.io/v1/tokenreviews',
      { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token: 'secret' } },
    ],
  ]);
});

test.each([
  { user: {}, error: 'invalid bearer token' },
  { authenticated: false },
  { user: { username: 'jane' } },
  { authenticated: true },
  { authenticated: true, user: { username: '' } },
])('a token of which it says %j is nobody’s', async (answer) => {
  answers = [answer];
  expect(await reviews.userOf('secret')).toBeUndefined();
});

test('the API server says what a user may read, with its reason', async () => {
  answers = [{ allowed: false, reason: 'not today' }];
  expect(await reviews.mayRead(jane, access)).toEqual({ allowed: false, reason: 'not today' });
  expect(asked).toEqual([
    [
      '/apis/authorization.k8s.io/v1/subjectaccessreviews',
      {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SubjectAccessReview',
        spec: { user: 'jane', uid: undefined, groups: ['team'], extra: { scopes: ['read'] }, resourceAttributes: access },
      },
    ],
  ]);
});

test('remembers what it was told of the same question for ten seconds', async () => {
  answers = [{ allowed: true }, { allowed: false }, { allowed: false }];
  expect((await reviews.mayRead(jane, access)).allowed).toBe(true);
  expect((await reviews.mayRead({ ...jane }, { ...access })).allowed).toBe(true);
  expect((await reviews.mayRead({ ...jane, groups: [] }, access)).allowed).toBe(false);
  await clock.advance(10_000);
  expect((await reviews.mayRead(jane, access)).allowed).toBe(false);
});

test('nobody is let in while the API server does not answer, and it is asked again', async () => {
  answers = [new ConnectionError('refused', {}), { allowed: true }];
  await expect(reviews.mayRead(jane, access)).rejects.toMatchObject({ code: 503, message: expect.stringContaining('SubjectAccessReview') });
  expect((await reviews.mayRead(jane, access)).allowed).toBe(true);
});
