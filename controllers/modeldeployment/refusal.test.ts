import { expect, test } from 'vitest';
import { ApiError, ConnectionError } from '../../src/kube/index.ts';
import { refusalOf } from './refusal.ts';

type Details = { readonly kind: string; readonly name: string };
const answer = (code: number, message: string, details?: Details) =>
  new ApiError({ kind: 'Status', apiVersion: 'v1', code, message, ...(details && { details }) }, { context: 'POST /pods' });
const pod = { kind: 'pods', name: 'qwen-abcde' };

test.each([
  [
    'a Pod Security Standard',
    answer(403, 'pods "qwen-abcde" is forbidden: violates PodSecurity "baseline:latest": hostPath volumes (volume "cache")', pod),
    'PodSecurityForbidden',
    'violates PodSecurity "baseline:latest": hostPath volumes (volume "cache")',
  ],
  [
    'a quota',
    answer(403, 'pods "qwen-abcde" is forbidden: exceeded quota: gpus, requested: pods=1, used: pods=2, limited: pods=2', pod),
    'QuotaExceeded',
    'exceeded quota: gpus, requested: pods=1, used: pods=2, limited: pods=2',
  ],
  [
    'a quota that needs what the pod does not say',
    answer(403, 'pods "qwen-abcde" is forbidden: failed quota: cpu: must specify limits.cpu', pod),
    'QuotaExceeded',
    'failed quota: cpu: must specify limits.cpu',
  ],
  [
    'a policy',
    answer(422, 'pods "qwen-abcde" is forbidden: ValidatingAdmissionPolicy "tags" denied request: qwen-abcde has no tag', pod),
    'CreationRefused',
    'ValidatingAdmissionPolicy "tags" denied request: … has no tag',
  ],
  [
    'a webhook',
    answer(400, 'admission webhook "x.example.org" denied the request: no'),
    'CreationRefused',
    'admission webhook "x.example.org"',
  ],
  [
    'validation',
    answer(422, 'Pod "qwen-abcde" is invalid: spec.tolerations[0].operator: Invalid value: "x"', { kind: 'Pod', name: 'qwen-abcde' }),
    'CreationRefused',
    'spec.tolerations[0].operator: Invalid value: "x"',
  ],
  [
    'a claim, which keeps its name',
    answer(403, 'persistentvolumeclaims "qwen-cache" is forbidden: exceeded quota: disks', {
      kind: 'persistentvolumeclaims',
      name: 'qwen-cache',
    }),
    'QuotaExceeded',
    'persistentvolumeclaims "qwen-cache" is forbidden: exceeded quota: disks',
  ],
])("is told in the server's words: %s", (_, error, reason, words) => {
  const refusal = refusalOf(error);
  expect(refusal).toMatchObject({ reason, cause: error });
  expect(refusal?.message.startsWith(words)).toBe(true);
});

test.each([
  ['a conflict', answer(409, 'it exists')],
  ['a limit of requests', answer(429, 'too many')],
  ['a failing webhook', answer(500, 'failed calling webhook')],
  ['a cut connection', new ConnectionError('cut', {})],
  [
    'a role without the verb',
    answer(403, 'pods is forbidden: User "x" cannot create resource "pods" in API group "" in the namespace "models"'),
  ],
  [
    'a role without finalizers',
    answer(
      403,
      'pods "a" is forbidden: cannot set blockOwnerDeletion if an ownerReference refers to a resource you can\'t set finalizers on',
    ),
  ],
])('is none of the object when it may help to try again or it is about the operator: %s', (_, error) =>
  expect(refusalOf(error)).toBeUndefined(),
);
