import { describe, expect, test } from 'vitest';
import type { ModelDeploymentSpec } from '../../src/api/model-deployment.ts';
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

describe('a template', () => {
  type PodSpec = NonNullable<NonNullable<ModelDeploymentSpec['template']>['spec']>;
  const worker = (fields: PodSpec): PodSpec => ({ containers: [{ name: 'worker', ...fields }] });
  const accepted = (spec: PodSpec, more: Partial<ModelDeploymentSpec> = {}) =>
    accept(deployment({ template: { spec }, ...more }), enforcedLevel(undefined));

  test.each<[string, PodSpec]>([
    ['another container', { containers: [{ name: 'log', image: 'log' }] }],
    ['more of the worker', worker({ env: [{ name: 'A', value: '1' }], ports: [{ name: 'debug', containerPort: 9229 }] })],
    ['a longer grace', { terminationGracePeriodSeconds: 900 }],
    ['a mount in place of ours', worker({ volumeMounts: [{ mountPath: '/tmp', name: 'cache' }] })],
  ])('with %s is accepted', (_, spec) => expect(accepted(spec)).toMatchObject({ accepted: true }));

  test.each<[string, PodSpec]>([
    ['restartPolicy must stay Always', { restartPolicy: 'OnFailure' }],
    ['restartPolicy must stay Always', { $patch: 'delete' }],
    ['restartPolicy must stay Always', { $retainKeys: [] }],
    ['removes container worker', { containers: [{ name: 'worker', $patch: 'delete' }] }],
    ['removes container worker', { $patch: 'replace', restartPolicy: 'Always' }],
    ['args are written by the operator: add yours in spec.engine.args', worker({ args: ['--device', 'CPU'] })],
    ['args are written by the operator: add yours in spec.engine.args', worker({ args: null })],
    ['ports changes a port of the operator', worker({ ports: [{ containerPort: 8000, name: 'web' }] })],
    ['ports changes a port of the operator', worker({ ports: [{ containerPort: 9090, $patch: 'delete' }] })],
    ['terminationGracePeriodSeconds is shorter than spec.rollout.drainTimeout needs (310)', { terminationGracePeriodSeconds: 30 }],
    ['terminationGracePeriodSeconds is shorter than spec.rollout.drainTimeout needs (310)', { terminationGracePeriodSeconds: null }],
    ['cannot be merged into the pod: Unknown patch type: "merge"', { securityContext: { $patch: 'merge' } }],
    ['cannot be merged into the pod: map: {"emptyDir":{}} does not contain declared merge key: name', { volumes: [{ emptyDir: {} }] }],
  ])('is refused where it says: %s', (message, spec) =>
    expect(accepted(spec)).toMatchObject({ accepted: false, reason: 'InvalidTemplate', message: expect.stringContaining(message) }),
  );

  test('is refused where it loses the Secret of the model, and accepted where it names it too', () => {
    const model = { source: 'hf://Qwen/Qwen3-4B', secretRef: { name: 'hf-token' } };
    const others = { configMapRef: { name: 'proxy' } };
    expect(accepted(worker({ envFrom: [others] }), { model })).toMatchObject({
      accepted: false,
      message: expect.stringContaining('leaves out the Secret of spec.model.secretRef'),
    });
    expect(accepted(worker({ envFrom: [others, { secretRef: { name: 'hf-token' } }] }), { model }).accepted).toBe(true);
  });
});
