import { expect, test } from 'vitest';
import { replicaEndpoint } from '../../src/api/replica.ts';
import { slimPod } from './slim-pod.ts';
import { readyPod } from './testing/makers.fake.ts';

test('a pod with less in it tells the same of its replica', () => {
  const pod = readyPod();
  const ports = [{ name: 'management', containerPort: 9_999 }];
  const resources = { limits: { 'nvidia.com/gpu': '1' } };
  const rich = {
    ...pod,
    spec: {
      nodeName: 'node-1',
      volumes: [{ name: 'cache', emptyDir: {} }],
      containers: [{ name: 'worker', image: 'worker', env: [{ name: 'A', value: 'x' }], ports, resources }],
    },
  };
  const slim = slimPod(rich);
  expect(slim.spec).toEqual({ nodeName: 'node-1', containers: [{ name: 'worker', ports, resources }] });
  expect(replicaEndpoint(slim)).toEqual(replicaEndpoint(rich));
  expect({ ...slim, spec: undefined }).toEqual({ ...rich, spec: undefined });
});
