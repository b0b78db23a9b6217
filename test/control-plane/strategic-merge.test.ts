import { beforeAll, describe, expect, inject, test } from 'vitest';
import { isJsonObject, type JsonObject } from '../../src/core/json.ts';
import { applyStrategicMergePatch, podMergeRule } from '../../src/kube/index.ts';
import { patches, podExample, refusedPatches } from '../../src/kube/testing/patch-examples.fake.ts';
import { kubectl } from '../fakes/kubectl.ts';

const kubeconfig = inject('kubeconfig');

describe.skipIf(kubeconfig === '')('a strategic merge patch', () => {
  let deployment: JsonObject;

  beforeAll(async () => {
    const selector = { matchLabels: { app: 'web' } };
    const spec = { replicas: 0, paused: true, selector, template: podExample };
    const metadata = { name: 'strategic-merge', namespace: 'default' };
    deployment = await answer(['create', '-f', '-'], { apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec });
  });

  test.concurrent.each(Object.entries(patches))('of %s gives what a real server makes of it', async (_, patch) => {
    const theirs = await answer([...patching, '--dry-run=server', '--patch', JSON.stringify({ spec: { template: patch } })]);
    const ours = applyStrategicMergePatch(templateOf(deployment), patch, podMergeRule);
    const { resourceVersion: _version, ...metadata } = deployment.metadata as JsonObject;
    const stored = await answer(['replace', '--dry-run=server', '-f', '-'], {
      ...deployment,
      metadata,
      spec: { ...(deployment.spec as JsonObject), template: ours },
    });
    expect(templateOf(stored)).toEqual(templateOf(theirs));
    expect(templateOf(stored)).not.toEqual(templateOf(deployment));
  });

  test.concurrent.each(Object.entries(refusedPatches))('with %s is refused by both', async (_, patch) => {
    const { code } = await kubectl(kubeconfig, [...patching, '--dry-run=server', '--patch', JSON.stringify({ spec: { template: patch } })]);
    expect(code).not.toBe(0);
    expect(() => applyStrategicMergePatch(templateOf(deployment), patch, podMergeRule)).toThrow();
  });
});

const patching = ['patch', 'deployment/strategic-merge', '--namespace=default', '--type=strategic'];

async function answer(args: readonly string[], object?: JsonObject): Promise<JsonObject> {
  const { code, stdout, stderr } = await kubectl(kubeconfig, [...args, '--output=json'], object && { stdin: JSON.stringify(object) });
  if (code !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as JsonObject;
}

function templateOf(deployment: JsonObject): JsonObject {
  const found = isJsonObject(deployment.spec) ? deployment.spec.template : undefined;
  if (!isJsonObject(found)) throw new Error('no template');
  return found;
}
