import type { Pod } from 'kubernetes-types/core/v1.js';
import { expect, test } from 'vitest';
import { isReplicaDraining, isReplicaReady, replicaEndpoint } from './replica.ts';

const ready = { conditions: [{ type: 'Ready', status: 'True' }], podIP: '10.0.0.7' };

function pod(fields: { annotations?: Record<string, string>; deletionTimestamp?: string; status?: Pod['status'] } = {}): Pod {
  const { status = ready, ...metadata } = fields;
  return {
    metadata: { name: 'qwen-x7k2p', ...metadata },
    spec: { containers: [{ name: 'worker', ports: [{ name: 'http', containerPort: 8080 }] }] },
    status,
  };
}

test('a pod listens on its declared ports, and on the usual ones for the rest', () => {
  expect(replicaEndpoint(pod())).toEqual({ host: '10.0.0.7', httpPort: 8080, managementPort: 9090 });
});

test('a process on this machine listens where its annotation says', () => {
  const annotations = { 'modelfleet.dev/ports': '{"http":43121,"management":43122}' };
  expect(replicaEndpoint(pod({ annotations, status: { podIP: '127.0.0.1' } }))).toEqual({
    host: '127.0.0.1',
    httpPort: 43_121,
    managementPort: 43_122,
  });
});

test.each(['{', '{"http":0,"management":1}', '{"http":43121}'])('ports written as %s are none', (ports) => {
  expect(replicaEndpoint(pod({ annotations: { 'modelfleet.dev/ports': ports } }))).toBeUndefined();
});

test('a pod without an address listens nowhere', () => expect(replicaEndpoint(pod({ status: {} }))).toBeUndefined());

test('a replica is ready while its Ready condition is true and it stays', () => {
  expect(isReplicaReady(pod())).toBe(true);
  expect(isReplicaReady(pod({ status: { conditions: [{ type: 'Ready', status: 'False' }] } }))).toBe(false);
  expect(isReplicaReady(pod({ deletionTimestamp: '2026-01-01T00:00:00Z' }))).toBe(false);
  expect(isReplicaReady(pod({ annotations: { 'modelfleet.dev/draining': 'true' } }))).toBe(false);
});

test('a replica drains when it is marked or deleted', () => {
  expect(isReplicaDraining(pod())).toBe(false);
  expect(isReplicaDraining(pod({ deletionTimestamp: '2026-01-01T00:00:00Z' }))).toBe(true);
  expect(isReplicaDraining(pod({ annotations: { 'modelfleet.dev/draining': 'true' } }))).toBe(true);
});
