import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { metricNames } from '../../src/api/fleet-metrics.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { type RunningApiServer, startApiServer } from '../../src/local/apiserver/server.ts';
import { customList } from '../../src/metrics-api/custom-list.ts';
import { externalList } from '../../src/metrics-api/external-list.ts';
import { type KubectlResult, kubectl, kubectlRuns } from '../fakes/kubectl.ts';

// The metrics APIs of local mode, by stock kubectl.

const prove = test.skipIf(!kubectlRuns);
const external = '/apis/external.metrics.k8s.io/v1beta1';
const custom = '/apis/custom.metrics.k8s.io/v1beta2';
const inSystem = `${external}/namespaces/default/modelfleet_requests_in_system`;
const at = Date.UTC(2026, 0, 1);
const source = {
  values: (namespace: string) =>
    namespace === 'default' ? ['smollm2', 'qwen'].map((model, index) => ({ model, value: 3 + index, at, stale: false })) : [],
};

let directory: string;
let server: RunningApiServer;
let kubeconfig: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'modelfleet-kubectl-metrics-'));
  kubeconfig = join(directory, 'kubeconfig');
  server = await startApiServer({
    stateDir: join(directory, 'state'),
    logger: silentLogger,
    kubeconfigPath: kubeconfig,
    metrics: {
      external: (asked) => externalList(source, asked, at),
      custom: (asked) => customList(source, () => [{ name: 'smollm2', labels: {} }], asked, at),
    },
  });
});

afterAll(async () => {
  await server?.close();
  if (directory) await rm(directory, { recursive: true, force: true });
});

/** What kubectl, which must succeed, printed. */
async function run(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await kubectl(kubeconfig, args);
  expect(code, `kubectl ${args.join(' ')}: ${stderr}`).toBe(0);
  return stdout;
}

async function raw(path: string): Promise<unknown> {
  return JSON.parse(await run('get', '--raw', path));
}

prove('reads a metric of a model by its label', async () => {
  expect(await raw(`${inSystem}?labelSelector=model%3Dsmollm2`)).toEqual({
    kind: 'ExternalMetricValueList',
    apiVersion: 'external.metrics.k8s.io/v1beta1',
    metadata: {},
    items: [
      {
        metricName: 'modelfleet_requests_in_system',
        metricLabels: { model: 'smollm2' },
        timestamp: '2026-01-01T00:00:00Z',
        value: '3',
      },
    ],
  });
});

prove('reads the metric that describes a ModelDeployment', async () => {
  const path = `${custom}/namespaces/default/modeldeployments.modelfleet.dev/smollm2/modelfleet_requests_in_system`;
  expect(await raw(path)).toMatchObject({ kind: 'MetricValueList', items: [{ value: '3', describedObject: { name: 'smollm2' } }] });
});

prove('finds the groups beside those of the server, in the discovery of old and in that of today', async () => {
  const versions = (await run('api-versions')).split('\n');
  expect(versions).toEqual(expect.arrayContaining(['external.metrics.k8s.io/v1beta1', 'custom.metrics.k8s.io/v1beta2', 'v1']));
  const listed = await run('api-resources', '--api-group=external.metrics.k8s.io', '--no-headers', '-o=name');
  expect(listed.trim().split('\n').sort()).toEqual(metricNames.map((name) => `${name}.external.metrics.k8s.io`).sort());
  expect(await raw('/apis')).toMatchObject({
    groups: expect.arrayContaining([expect.objectContaining({ name: 'external.metrics.k8s.io' })]),
  });
  expect(await raw(external)).toMatchObject({ kind: 'APIResourceList', resources: metricNames.map((name) => ({ name, verbs: ['get'] })) });
  expect(await raw('/apis/custom.metrics.k8s.io')).toMatchObject({ kind: 'APIGroup', preferredVersion: { version: 'v1beta2' } });
});

prove('reads what OpenAPI says of them beside the rest', async () => {
  const index = (await raw('/openapi/v3')) as { paths: Record<string, { serverRelativeURL: string }> };
  expect(Object.keys(index.paths)).toEqual(expect.arrayContaining(['api/v1', 'apis/external.metrics.k8s.io/v1beta1']));
  const { serverRelativeURL = '' } = index.paths['apis/external.metrics.k8s.io/v1beta1'] ?? {};
  expect(await raw(serverRelativeURL)).toMatchObject({ paths: { [`${external}/namespaces/{namespace}/{metric}`]: {} } });
  const swagger = (await raw('/openapi/v2')) as { definitions: object };
  expect(Object.keys(swagger.definitions)).toEqual(
    expect.arrayContaining(['dev.modelfleet.metrics.ExternalMetricValueList', 'io.k8s.api.core.v1.Pod']),
  );
});

prove('is told what is wrong with what it asks for', async () => {
  const failure = async (...args: string[]): Promise<KubectlResult> => kubectl(kubeconfig, args);
  expect((await failure('get', '--raw', `${external}/namespaces/default/queue_length`)).stderr).toContain(
    'could not find the metric queue_length',
  );
  expect((await failure('get', '--raw', `${inSystem}?labelSelector=a%3Db%3Dc`)).stderr).toContain('BadRequest');
  expect((await failure('delete', '--raw', inSystem)).stderr).toContain('does not allow this method');
});

prove('is refused with another token', async () => {
  const access = parse(await readFile(kubeconfig, 'utf8'));
  access.users[0].user.token = 'forged';
  const forged = join(directory, 'forged');
  await writeFile(forged, stringify(access));
  expect((await kubectl(forged, ['get', '--raw', inSystem])).stderr).toContain('Unauthorized');
});
