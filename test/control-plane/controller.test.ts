import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { buildPod, podTemplate } from '../../controllers/modeldeployment/builders/pod.ts';
import { modelDeploymentController } from '../../controllers/modeldeployment/controller.ts';
import { modelDeployments } from '../../controllers/modeldeployment/status-writer.ts';
import { deployment } from '../../controllers/modeldeployment/testing/makers.fake.ts';
import { shapes, stockShapes } from '../../controllers/modeldeployment/testing/shapes.fake.ts';
import { type ModelDeployment, type ModelDeploymentSpec, resolveSpec } from '../../src/api/model-deployment.ts';
import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { InformerCache, KubeClient, loadKubeConfig, type Pod, pods } from '../../src/kube/index.ts';
import { eventually } from '../../src/kube/testing/eventually.fake.ts';
import { kubectl } from '../fakes/kubectl.ts';

const kubeconfig = inject('kubeconfig');
const crds = join(import.meta.dirname, '../../crds');
const level = 'pod-security.kubernetes.io/enforce';

describe.skipIf(kubeconfig === '')('the controller with a real API server', () => {
  let client: KubeClient;
  let namespace: string;
  let stop: AbortController;
  let running: Promise<unknown> = Promise.resolve();

  beforeAll(async () => {
    await ask(['apply', '--server-side', '--force-conflicts', '-f', crds]);
    await ask(['wait', '--for=condition=Established', '--timeout=30s', '-f', crds]);
    await ask(['apply', '--server-side', '-f', join(import.meta.dirname, 'classes.yaml')]);
    client = KubeClient.fromKubeConfig(await loadKubeConfig({ path: kubeconfig }));
  });

  afterAll(() => client?.close());

  let made = 0;
  beforeEach(async () => {
    made += 1;
    namespace = `controller-${made}`;
    await ask(['create', 'namespace', namespace]);
    stop = new AbortController();
    const cache = new InformerCache(client);
    const controller = modelDeploymentController({
      client,
      cache,
      namespace, // other tests have deployments on this API server too
      workerImage: 'modelfleet/worker:0.1.0-cpu',
      workerImageCuda: 'modelfleet/worker:0.1.0-cuda',
      workerImagePullPolicy: 'IfNotPresent',
      workerImagePullSecrets: ['mirror'],
      clock: systemClock,
      logger: silentLogger,
      fetchStatus: () => Promise.reject(new Error('no pod runs here')),
    });
    running = Promise.all([cache.run(stop.signal), controller.start(stop.signal)]);
  });

  afterEach(async () => {
    stop.abort();
    await running;
  });

  const label = (enforce: string) => ask(['label', 'namespace', namespace, `${level}=${enforce}`, '--overwrite']);
  const apply = async (name: string, spec: Partial<ModelDeploymentSpec> = {}) => {
    const { apiVersion, kind, spec: whole } = deployment(spec);
    await ask(['apply', '-f', '-'], JSON.stringify({ apiVersion, kind, metadata: { name, namespace }, spec: whole }));
  };
  const read = (name: string): Promise<ModelDeployment> => client.get(modelDeployments, { namespace, name });
  const condition = async (name: string, type: string) => (await read(name)).status?.conditions?.find((one) => one.type === type);
  const podsOf = async (name: string): Promise<Pod[]> =>
    (await client.list(pods, { namespace, labelSelector: `modelfleet.dev/model=${name}` })).items;

  test('gets every shape of a worker pod into a namespace that enforces restricted', async () => {
    await label('restricted');
    await Promise.all(Object.entries(shapes).map(([name, spec]) => apply(name, { ...spec, replicas: 1 })));
    for (const name of Object.keys(shapes)) await eventually(async () => expect(await podsOf(name)).toHaveLength(1), 10_000);
  });

  test('would admit the pods of engines in stock images there, with the agent beside them', async () => {
    await label('restricted');
    for (const spec of Object.values(stockShapes)) {
      const owner = deployment(spec, { namespace });
      const template = podTemplate(owner, resolveSpec(owner), { workerImage: 'modelfleet/worker:0.1.0-cpu' });
      const pod = buildPod(owner, template, { name: 'stock', revision: 'v1', onOneNode: false });
      expect((await client.create(pods, pod, { dryRun: true, fieldValidation: 'Strict' })).spec?.initContainers).toHaveLength(1);
    }
  });

  test('says that HostPath is forbidden, until the namespace allows it', async () => {
    await label('baseline');
    await apply('on-host', { cache: { type: 'HostPath' } });
    await eventually(async () =>
      expect(await condition('on-host', 'Accepted')).toMatchObject({ status: 'False', reason: 'PodSecurityForbidden' }),
    );
    expect(await podsOf('on-host')).toEqual([]);
    await label('privileged');
    await eventually(async () => expect(await podsOf('on-host')).toHaveLength(1));
  });

  test('tells what admission says, and goes on when it no longer says so', async () => {
    await ask(['create', 'quota', 'few', '--hard=pods=1', '-n', namespace]);
    // The quota counts once its controller has looked.
    await ask(['wait', 'quota/few', '-n', namespace, '--for=jsonpath={.status.hard.pods}=1', '--timeout=20s']);
    await apply('many', { replicas: 2 });
    await eventually(async () =>
      expect(await condition('many', 'Progressing')).toMatchObject({
        status: 'False',
        reason: 'QuotaExceeded',
        message: expect.stringMatching(/^exceeded quota: few, requested: pods=1, used: pods=1, limited: pods=1\. /),
      }),
    );
    await ask(['delete', 'quota', 'few', '-n', namespace]);
    await eventually(async () => expect(await podsOf('many')).toHaveLength(2), 20_000);
    await eventually(async () => expect(await condition('many', 'Progressing')).not.toMatchObject({ reason: 'QuotaExceeded' }));
  });

  test('tells what validation says of what the spec hands through', async () => {
    const term = { matchExpressions: [{ key: 'gpu', operator: 'Has' }] };
    const required = { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [term] } };
    await apply('odd', { placement: { affinity: { nodeAffinity: required } } });
    await eventually(async () =>
      expect(await condition('odd', 'Ready')).toMatchObject({
        status: 'False',
        reason: 'CreationRefused',
        message: expect.stringContaining('operator: Invalid value: "Has": not a valid selector operator'),
      }),
    );
    expect((await read('odd')).status?.phase).toBe('Failed');
  });

  test('tells what a template names that no pod has', async () => {
    await apply('misspelt', { template: { spec: { containers: [{ name: 'worker', livenesProbe: { periodSeconds: 1 } }] } } });
    await eventually(async () =>
      expect(await condition('misspelt', 'Ready')).toMatchObject({
        status: 'False',
        reason: 'CreationRefused',
        message: expect.stringContaining('unknown field "spec.containers[0].livenesProbe"'),
      }),
    );
  });

  test('refuses a template that takes what it needs itself', async () => {
    await apply('short', { template: { spec: { terminationGracePeriodSeconds: 5 } } });
    await eventually(async () =>
      expect(await condition('short', 'Accepted')).toMatchObject({
        status: 'False',
        reason: 'InvalidTemplate',
        message: expect.stringContaining('terminationGracePeriodSeconds is shorter than spec.rollout.drainTimeout needs'),
      }),
    );
    expect(await podsOf('short')).toEqual([]);
  });

  test('uses no claim that is not its own', async () => {
    const claim = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } };
    const theirs = { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'qwen-cache', namespace }, spec: claim };
    await ask(['create', '-f', '-'], JSON.stringify(theirs));
    await apply('qwen', { cache: { type: 'PersistentVolumeClaim', size: '1Gi' } });
    await eventually(async () => expect(await condition('qwen', 'Ready')).toMatchObject({ reason: 'CacheClaimTaken' }));
    expect(await podsOf('qwen')).toEqual([]);
  });

  test('scales with the scale subresource, and its pods and its claim are collected with it', async () => {
    const cache = { type: 'PersistentVolumeClaim', size: '1Gi' } as const;
    await apply('scaled', { cache });
    await ask(['scale', 'mdep/scaled', '-n', namespace, '--replicas=3']);
    await eventually(async () => expect(await podsOf('scaled')).toHaveLength(3));
    await ask(['delete', 'mdep/scaled', '-n', namespace, '--cascade=foreground', '--timeout=60s']);
    expect(await podsOf('scaled')).toEqual([]);
    await eventually(async () => expect(await ask(['get', 'pvc', '-n', namespace, '-o', 'name'])).toBe(''), 20_000);
  });

  test('replaces replicas when told to restart them', async () => {
    await apply('again', { rollout: { maxUnavailable: 1 } });
    await eventually(async () => expect(await podsOf('again')).toHaveLength(1));
    const [before] = await podsOf('again');
    await ask(['annotate', 'mdep/again', '-n', namespace, 'modelfleet.dev/restartedAt=2026-01-01T00:00:00Z']);
    await eventually(async () => {
      const names = (await podsOf('again')).map(({ metadata }) => metadata.name);
      expect(names).toHaveLength(1);
      expect(names).not.toContain(before?.metadata.name);
    });
  });
});

async function ask(args: readonly string[], stdin?: string): Promise<string> {
  const { code, stdout, stderr } = await kubectl(kubeconfig, [...args], stdin === undefined ? {} : { stdin });
  if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr}`);
  return stdout;
}
