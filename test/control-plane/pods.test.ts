import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { accept } from '../../controllers/modeldeployment/acceptance.ts';
import { buildPod, podTemplate } from '../../controllers/modeldeployment/builders/pod.ts';
import { revisionOf } from '../../controllers/modeldeployment/builders/revision.ts';
import { deployment } from '../../controllers/modeldeployment/testing/makers.fake.ts';
import { shapeOnHost, shapes } from '../../controllers/modeldeployment/testing/shapes.fake.ts';
import type { ModelDeployment } from '../../src/api/model-deployment.ts';
import { type Draft, KubeClient, loadKubeConfig, type Pod, pods } from '../../src/kube/index.ts';
import { eventually } from '../../src/kube/testing/eventually.fake.ts';
import { kubectl } from '../fakes/kubectl.ts';

const kubeconfig = inject('kubeconfig');
const namespace = 'pod-shapes';
const crds = join(import.meta.dirname, '../../crds');
const page = join(import.meta.dirname, '../../docs/concepts/pods.md');
const enforce = 'pod-security.kubernetes.io/enforce';

describe.skipIf(kubeconfig === '')('a real API server', () => {
  let client: KubeClient;

  beforeAll(async () => {
    await ask(['apply', '--server-side', '-f', join(import.meta.dirname, 'classes.yaml')]);
    for (const [name, level] of [
      [namespace, 'restricted'],
      [`${namespace}-privileged`, 'privileged'],
    ] as const) {
      await ask(['create', 'namespace', name]);
      await ask(['label', 'namespace', name, `${enforce}=${level}`]);
      await ask(['wait', 'serviceaccount/default', '-n', name, '--for=create', '--timeout=20s']);
    }
    await ask(['apply', '--server-side', '--force-conflicts', '-f', crds]);
    await ask(['wait', '--for=condition=Established', '--timeout=30s', '-f', crds]);
    client = KubeClient.fromKubeConfig(await loadKubeConfig({ path: kubeconfig }));
  });
  afterAll(() => client?.close());

  test.concurrent.each(Object.entries(shapes))('takes the pod %s where restricted is enforced, field by field', async (_, spec) => {
    await dryRun(podOf(deployment(spec, { namespace })));
  });

  test('takes the pod on the host only where all is allowed', async () => {
    await expect(dryRun(podOf(deployment(shapeOnHost, { namespace })))).rejects.toThrow('violates PodSecurity');
    await dryRun(podOf(deployment(shapeOnHost, { namespace: `${namespace}-privileged` })));
  });

  test('refuses a template with a field that no pod has, and says which', async () => {
    const template = { spec: { containers: [{ name: 'worker', comand: ['sh'] }] } };
    await expect(dryRun(podOf(deployment({ template }, { namespace })))).rejects.toThrow('unknown field "spec.containers[0].comand"');
  });

  test.each(examples())('takes the %s %s of the page on pods, and the pod that it means', async (kind, _, example) => {
    const object = { ...example, metadata: { ...example.metadata, namespace } };
    await dryRun(object);
    if (kind === 'ModelDeployment') await dryRun(podOf({ ...object, metadata: { uid: 'uid', ...object.metadata } }));
  });

  test('gives each replica the claim that its template makes', async () => {
    const spec = { devices: { requests: [{ name: 'gpu', exactly: { deviceClassName: 'gpu.example.org' } }] } };
    const kind = 'ResourceClaimTemplate';
    await create({ apiVersion: 'resource.k8s.io/v1', kind, metadata: { name: 'one-gpu', namespace }, spec: { spec } });
    const { metadata, ...pod } = podOf(deployment(shapes['with-a-claim-of-its-own'], { namespace }));
    // Without an owner: the garbage collector takes what belongs to nobody.
    const { ownerReferences: _nobody, ...free } = metadata;
    const { name } = (await client.create(pods, { ...pod, metadata: free })).metadata;

    await eventually(async () => {
      const { status } = await client.get(pods, { namespace, name });
      const claim = { name: 'gpu', resourceClaimName: expect.stringMatching(/^qwen-abcde-gpu-/) };
      expect(status).toMatchObject({ resourceClaimStatuses: [claim] });
    }, 20_000);
  });
});

/** Every object in the YAML of the page: kind, name, object. */
function examples(): [string, string, ModelDeployment][] {
  const blocks = [...readFileSync(page, 'utf8').matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, text = '']) => text);
  const objects = blocks.flatMap((text) => parseAllDocuments(text).map((document) => document.toJS() as ModelDeployment));
  return objects.map((object) => [object.kind, object.metadata.name, object]);
}

/** The pod of a replica as the controller makes it. */
function podOf(owner: ModelDeployment): Draft<Pod> {
  const acceptance = accept(owner, 'privileged');
  if (!acceptance.accepted) throw new Error(acceptance.message);
  const { spec } = acceptance;
  const template = podTemplate(owner, spec, { workerImage: 'modelfleet/worker:1-cpu', workerImagePullSecrets: ['mirror'] });
  return buildPod(owner, template, { name: 'qwen-abcde', revision: revisionOf(owner, spec), onOneNode: true });
}

async function dryRun(object: Draft<Pod> | ModelDeployment): Promise<void> {
  await create({ apiVersion: 'v1', kind: 'Pod', ...object }, '--dry-run=server', '--validate=strict');
}

async function create(object: object, ...options: readonly string[]): Promise<void> {
  await ask(['create', ...options, '-f', '-'], JSON.stringify(object));
}

async function ask(args: readonly string[], stdin?: string): Promise<string> {
  const { code, stdout, stderr } = await kubectl(kubeconfig, [...args], stdin === undefined ? {} : { stdin });
  if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr}`);
  return stdout;
}
