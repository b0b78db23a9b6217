import { expect, test } from 'vitest';
import { resolveSpec } from '../../../src/api/model-deployment.ts';
import { deployment } from '../testing/makers.fake.ts';
import { podTemplate } from './pod.ts';

// That /livez answers as long as the agent lives, however long a load takes, is tested with the worker.
test('no probe that ends a container asks for the model: a load may take as long as it gets on', () => {
  const owner = deployment({ rollout: { noProgressTimeout: '1s' } });
  const [worker] = podTemplate(owner, resolveSpec(owner), { workerImage: 'worker' }).spec.containers;
  expect(worker?.startupProbe?.httpGet).toEqual({ path: '/livez', port: 'management' });
  expect(worker?.livenessProbe?.httpGet).toEqual({ path: '/livez', port: 'management' });
  expect(worker?.readinessProbe?.httpGet).toEqual({ path: '/readyz', port: 'management' });
});
