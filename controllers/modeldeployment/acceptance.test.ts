import { expect, test } from 'vitest';
import { accept } from './acceptance.ts';
import { enforcedLevel } from './pod-security.ts';
import { deployment, namespace } from './testing/makers.fake.ts';

test.each([
  ['baseline', 'baseline'],
  ['restricted', 'restricted'],
  ['strict', 'restricted'], // not a level: the API server takes it for the narrowest
])('a HostPath cache is refused in a namespace that enforces %s', (label, level) => {
  const acceptance = accept(deployment({ cache: { type: 'HostPath' } }), enforcedLevel(namespace(label)));
  expect(acceptance).toMatchObject({ accepted: false, reason: 'PodSecurityForbidden' });
  const { message } = acceptance as { message: string };
  expect(message).toMatch(new RegExp(`cache\\.type HostPath .* namespace models, .* ${level}\\..*PersistentVolumeClaim`));
});

test.each([['privileged'], [undefined]])('a HostPath cache is accepted in a namespace that enforces %s', (level) => {
  expect(accept(deployment({ cache: { type: 'HostPath' } }), enforcedLevel(namespace(level))).accepted).toBe(true);
});

test('other caches are accepted at every level, also before the namespace is known', () => {
  for (const type of ['Ephemeral', 'PersistentVolumeClaim'] as const) {
    expect(accept(deployment({ cache: { type, size: '1Gi' } }), enforcedLevel(namespace('restricted'))).accepted).toBe(true);
    expect(accept(deployment({ cache: { type, size: '1Gi' } }), enforcedLevel(undefined)).accepted).toBe(true);
  }
});
