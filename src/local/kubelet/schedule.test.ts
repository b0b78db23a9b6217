import type { Pod, PodSpec, ResourceRequirements } from 'kubernetes-types/core/v1.d.ts';
import { expect, test } from 'vitest';
import { qosClass } from './qos.ts';
import { awaitsScheduling, unschedulable } from './schedule.ts';

const node = { labels: { 'kubernetes.io/os': 'linux' }, capacity: { cpu: '2', memory: '1Gi', 'nvidia.com/gpu': '1' } };
const pod = (spec: Partial<PodSpec> = {}): Pod => ({ metadata: { name: 'p' }, spec: { containers: [{ name: 'c' }], ...spec } });
const asking = (resources: ResourceRequirements) => pod({ containers: [{ name: 'c', resources }] });

test.each<[string, Pod, boolean]>([
  ['a new pod', pod(), true],
  ['a bound pod', pod({ nodeName: 'local' }), false],
  ["another scheduler's pod", pod({ schedulerName: 'mine' }), false],
  ['a gated pod', pod({ schedulingGates: [{ name: 'x' }] }), false],
  ['a pod that is being deleted', { ...pod(), metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } }, false],
])('knows whether %s waits for it', (_, waiting, expected) => {
  expect(awaitsScheduling(waiting)).toBe(expected);
});

test('shares CPU and memory, but refuses labels and devices that the machine does not have', () => {
  expect(unschedulable(asking({ requests: { cpu: '64', memory: '1Ti' }, limits: { 'nvidia.com/gpu': '1' } }), node)).toBeUndefined();
  expect(unschedulable(pod({ nodeSelector: { 'kubernetes.io/os': 'linux' } }), node)).toBeUndefined();
  expect(unschedulable(pod({ nodeSelector: { zone: 'a' } }), node)).toContain("didn't match");
  expect(unschedulable(asking({ limits: { 'nvidia.com/gpu': '2' } }), node)).toContain('Insufficient nvidia.com/gpu');
  expect(unschedulable(asking({ limits: { 'amd.com/gpu': '1' } }), node)).toContain('Insufficient amd.com/gpu');
});

test.each<[string, ResourceRequirements]>([
  ['BestEffort', {}],
  ['BestEffort', { requests: { cpu: '0' }, limits: { 'nvidia.com/gpu': '1' } }],
  ['Burstable', { requests: { cpu: '1' } }],
  ['Burstable', { limits: { memory: '1Gi' } }],
  ['Burstable', { limits: { cpu: '2', memory: '1Gi' }, requests: { cpu: '1' } }],
  ['Guaranteed', { limits: { cpu: '2', memory: '1Gi' } }],
  ['Guaranteed', { limits: { cpu: '2', memory: '1Gi' }, requests: { cpu: '2', memory: '1Gi' } }],
])('is of class %s with %j', (expected, resources) => {
  expect(qosClass(asking(resources).spec ?? { containers: [] })).toBe(expected);
});
