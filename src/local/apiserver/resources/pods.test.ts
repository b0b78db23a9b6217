import { expect, test } from 'vitest';
import type { JsonObject } from '../../../core/json.ts';
import { applyStrategicMergePatch, podMergeRule } from '../../../kube/index.ts';
import { patches, podExample } from '../../../kube/testing/patch-examples.fake.ts';
import { summarizePod } from './pod-columns.ts';
import { pods } from './pods.ts';

const now = Date.parse('2026-01-01T00:10:00Z');
type Status = {
  readonly phase?: string;
  readonly containerStatuses?: JsonObject[];
  readonly initContainerStatuses?: JsonObject[];
  readonly conditions?: JsonObject[];
};

function seen(status: Status, extra: { readonly metadata?: JsonObject; readonly spec?: JsonObject } = {}) {
  const spec = { containers: [{ name: 'a' }, { name: 'b' }], ...extra.spec };
  return summarizePod({ metadata: extra.metadata ?? {}, spec, status: { phase: 'Running', ...status } }, now);
}
const running = (name: string, ready = true): JsonObject => ({ name, ready, restartCount: 0, state: { running: {} } });
const waiting = (name: string, reason: string): JsonObject => ({ name, ready: false, restartCount: 0, state: { waiting: { reason } } });
const ended = (name: string, terminated: JsonObject, restartCount = 0): JsonObject => ({
  name,
  ready: false,
  restartCount,
  state: { terminated },
});

test.each<[string, Status, string, string]>([
  ['nothing known yet', { phase: 'Pending' }, '0/2', 'Pending'],
  ['all well', { containerStatuses: [running('a'), running('b')] }, '2/2', 'Running'],
  ['one not ready', { containerStatuses: [running('a'), running('b', false)] }, '1/2', 'Running'],
  ['one crashing', { containerStatuses: [running('a'), waiting('b', 'CrashLoopBackOff')] }, '1/2', 'CrashLoopBackOff'],
  [
    'the first of two problems',
    { containerStatuses: [waiting('a', 'ErrImagePull'), waiting('b', 'CrashLoopBackOff')] },
    '0/2',
    'ErrImagePull',
  ],
  ['ended without a reason', { containerStatuses: [ended('a', { exitCode: 3 })] }, '0/2', 'ExitCode:3'],
  ['killed', { containerStatuses: [ended('a', { exitCode: 137, signal: 9 })] }, '0/2', 'Signal:9'],
  ['one through, one running', { containerStatuses: [ended('a', { exitCode: 0, reason: 'Completed' }), running('b')] }, '1/2', 'NotReady'],
])('%s', (_case, status, ready, text) => {
  expect(seen(status)).toMatchObject({ ready, status: text });
});

test('init containers come first, and their failures show', () => {
  const spec = { initContainers: [{ name: 'i' }, { name: 'j' }] };
  const first = ended('i', { exitCode: 0 });
  expect(seen({ phase: 'Pending', initContainerStatuses: [running('i')] }, { spec }).status).toBe('Init:0/2');
  expect(seen({ phase: 'Pending', initContainerStatuses: [first, waiting('j', 'CrashLoopBackOff')] }, { spec }).status).toBe(
    'Init:CrashLoopBackOff',
  );
  expect(seen({ phase: 'Pending', initContainerStatuses: [first, ended('j', { exitCode: 1 })] }, { spec }).status).toBe('Init:ExitCode:1');
});

test('restarts are counted over containers, with the time of the last', () => {
  const restarted = (name: string, count: number, finishedAt: string): JsonObject => ({
    ...running(name),
    restartCount: count,
    lastState: { terminated: { finishedAt } },
  });
  const status = { containerStatuses: [restarted('a', 2, '2026-01-01T00:05:00Z'), restarted('b', 1, '2026-01-01T00:07:00Z')] };
  expect(seen(status).restarts).toBe('3 (3m ago)');
  expect(seen({ containerStatuses: [running('a')] }).restarts).toBe('0');
});

test('a pod being deleted is Terminating, until it has ended', () => {
  const metadata = { deletionTimestamp: '2026-01-01T00:00:00Z' };
  expect(seen({ containerStatuses: [running('a')] }, { metadata }).status).toBe('Terminating');
  expect(seen({ phase: 'Succeeded' }, { metadata }).status).toBe('Succeeded');
});

function admit(spec: JsonObject, old?: JsonObject) {
  const object = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec };
  const result = pods.admit({ operation: old ? 'UPDATE' : 'CREATE', object, ...(old && { old }), fieldValidation: 'Strict' });
  return { ...result, messages: result.errors.map((error) => `${error.field}: ${error.message}`) };
}

test('a pod is born Pending with the defaults of Kubernetes', () => {
  const { object, messages } = admit({
    containers: [
      { name: 'a', image: 'worker', ports: [{ containerPort: 80 }] },
      { name: 'b', image: 'worker:1' },
    ],
  });
  expect(messages).toEqual([]);
  expect(object).toMatchObject({
    spec: {
      restartPolicy: 'Always',
      terminationGracePeriodSeconds: 30,
      containers: [{ imagePullPolicy: 'Always', ports: [{ protocol: 'TCP' }] }, { imagePullPolicy: 'IfNotPresent' }],
    },
    status: { phase: 'Pending', qosClass: 'BestEffort' },
  });
});

test('what a pod needs and must not have is named', () => {
  expect(admit({}).messages).toEqual(['spec.containers: Required value']);
  expect(admit({ containers: [{ name: 'A', image: 'x' }] }).messages[0]).toContain(
    'spec.containers[0].name: Invalid value: "A": a lowercase RFC 1123 label',
  );
  expect(admit({ containers: [{ name: 'a', image: 'x', volumeMounts: [{ name: 'v', mountPath: '/v' }] }] }).messages).toEqual([
    'spec.containers[0].volumeMounts[0].name: Not found: "v"',
  ]);
  expect(admit({ containers: [{ name: 'a', image: 'x', comand: ['y'] }] }).messages).toEqual([
    'spec.containers[0].comand: unknown field "spec.containers[0].comand"',
  ]);
});

test('of a pod only few fields may change, and the node once', () => {
  const { object } = admit({ containers: [{ name: 'a', image: 'x:1' }] });
  const containers = (image: string, more: JsonObject = {}) => ({ containers: [{ name: 'a', image, ...more }] });
  expect(admit(containers('x:2'), object).messages).toEqual([]);
  expect(admit({ ...containers('x:1'), nodeName: 'local' }, object).messages).toEqual([]);
  expect(admit(containers('x:1', { command: ['y'] }), object).messages[0]).toContain('spec: Forbidden: pod updates may not change fields');
  const { object: bound } = admit({ ...containers('x:1'), nodeName: 'local' }, object);
  expect(admit({ ...containers('x:1'), nodeName: 'other' }, bound).messages[0]).toContain('spec: Forbidden');
});

test.each(Object.entries(patches))(
  'a strategic merge patch of %s follows the rules of a cluster, which know one key a list',
  (_, patch) => {
    const patched = applyStrategicMergePatch(podExample, patch, pods.merge);
    expect(patched).toEqual(applyStrategicMergePatch(podExample, patch, podMergeRule));
    expect(patched).not.toEqual(podExample);
  },
);
