import { once } from 'node:events';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startModelfleet } from '../fakes/command.ts';
import { LocalMode } from '../fakes/local-mode.ts';

// A model that scales in local mode, with the numbers that kubectl and `explain` read of it. The tests build on each other, in order.

const manifest = `apiVersion: modelfleet.dev/v1alpha1
kind: ModelDeployment
metadata: { name: smollm2, namespace: default }
spec:
  model: { source: file:///models/SmolLM2-135M-Instruct.Q4_1.gguf, contextLength: 2048 }
  engine: { type: Worker, device: CPU }
  replicas: 0
  scaling: { minReplicas: 0, maxReplicas: 2, targetRequestsPerReplica: 4, idleTimeout: 5m }
`;
const external = '/apis/external.metrics.k8s.io/v1beta1/namespaces/default/modelfleet_requests_in_system';

let local: LocalMode;
beforeAll(async () => {
  local = await LocalMode.create();
});
afterAll(() => local[Symbol.asyncDispose]());

async function inSystem(): Promise<readonly string[]> {
  const { items } = JSON.parse(await local.kubectl('get', '--raw', `${external}?labelSelector=model%3Dsmollm2`)) as {
    items: { value: string }[];
  };
  return items.map(({ value }) => value);
}

async function explain(): Promise<string> {
  const command = startModelfleet('explain', 'mdep/smollm2', '--kubeconfig', local.kubeconfig);
  const [code] = await once(command.child, 'close');
  expect(code, command.output()).toBe(0);
  return command.output();
}

test('asleep it has a metric that is zero, and is explained by it', { timeout: 60_000 }, async () => {
  await local.start('--apply', await local.write('scaled.yaml', manifest));
  expect(await inSystem()).toEqual(['0']);
  const said = await explain();
  expect(said).toMatch(/^Metric +\d+s +modelfleet_requests_in_system is 0$/m);
  expect(said).toContain('Next: the first request wakes it');
});

test('who calls is in the metric until he is answered, and the autoscaler reads it', { timeout: 90_000 }, async () => {
  const client = await local.openai();
  const calling = new AbortController();
  const call = client.chat.completions
    .create(
      { model: 'smollm2', max_tokens: 2_000, stream: true, messages: [{ role: 'user', content: 'Tell me of the sea.' }] },
      { signal: calling.signal },
    )
    .withResponse();
  await expect.poll(inSystem, { timeout: 10_000 }).toEqual(['1']);
  expect((await call).response.status).toBe(200);
  await local.kubectl('wait', 'hpa/smollm2', '--for=condition=ScalingActive', '--timeout=40s');
  expect(await explain()).toMatch(/True ValidMetricFound: the replica count was calculated from modelfleet_requests_in_system/);
  calling.abort();
  await expect.poll(inSystem, { timeout: 10_000 }).toEqual(['0']);
});

test('a namespace ends as before: groups of values hold nothing that must go first', async () => {
  await local.kubectl('create', 'namespace', 'passing');
  await local.kubectl('delete', 'namespace', 'passing', '--timeout=20s');
});
