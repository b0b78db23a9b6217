import { expect, test } from 'vitest';
import { accountOf, callerOf, mayUse } from './account.ts';

const model = { key: 'models/qwen', labels: { tier: 'free', size: 'small' } };

test('a tenant that names no models may use all', () => {
  expect(mayUse(accountOf('acme', {}).models, 'anything', model)).toBe(true);
});

test.each([
  ['the called name', { names: ['qwen'] }, true],
  ['namespace/name', { names: ['models/qwen'] }, true],
  ['another name', { names: ['gpt'] }, false],
  ['all its labels', { selector: { matchLabels: { tier: 'free', size: 'small' } } }, true],
  ['some of its labels', { selector: { matchLabels: { tier: 'free', size: 'large' } } }, false],
  ['another name or its labels', { names: ['gpt'], selector: { matchLabels: { tier: 'free' } } }, true],
  ['nothing', {}, false],
])('a tenant whose list has %s may or may not use the model', (_, models, may) => {
  expect(mayUse(models, 'qwen', model)).toBe(may);
});

test('the gates of a key follow those of its tenant, each with a counter of its own', () => {
  const account = accountOf('acme', { limits: { requestsPerMinute: 60, tokensPerDay: 9, onOutage: { requestsPerMinute: 'Refuse' } } });
  expect(callerOf(account, { name: 'ci', limits: { requestsPerMinute: 6 } }).gates).toEqual([
    { name: 'requestsPerMinute', scope: 'tenant', key: 'modelfleet:{acme}:tenant::requestsPerMinute', limit: 60, onOutage: 'Refuse' },
    { name: 'tokensPerDay', scope: 'tenant', key: 'modelfleet:{acme}:tenant::tokensPerDay', limit: 9, onOutage: 'Refuse' },
    { name: 'requestsPerMinute', scope: 'key', key: 'modelfleet:{acme}:key:ci:requestsPerMinute', limit: 6, onOutage: 'Refuse' },
  ]);
  expect(callerOf(account, { name: 'ci' }).gates).toEqual(account.gates);
});
