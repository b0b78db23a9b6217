import { beforeAll, describe, expect, inject, test } from 'vitest';
import { isJsonObject, type JsonObject } from '../../src/core/json.ts';
import { applyStrategicMergePatch, podMergeRule } from '../../src/kube/index.ts';
import { kubectl } from '../fakes/kubectl.ts';

const kubeconfig = inject('kubeconfig');

const template: JsonObject = {
  metadata: { labels: { app: 'web' }, annotations: { a: '1', b: '2' }, finalizers: ['example.org/x', 'example.org/y'] },
  spec: {
    containers: [
      {
        name: 'web',
        image: 'web:1',
        args: ['--one', '--two'],
        env: [
          { name: 'A', value: '1' },
          { name: 'B', value: '2' },
        ],
        envFrom: [{ secretRef: { name: 'first' } }],
        ports: [
          { name: 'http', containerPort: 80, protocol: 'TCP' },
          { name: 'admin', containerPort: 81, protocol: 'TCP' },
        ],
        resources: { limits: { memory: '1Gi' }, claims: [{ name: 'gpu' }] },
        securityContext: { capabilities: { drop: ['ALL'] }, readOnlyRootFilesystem: true },
        volumeMounts: [
          { name: 'data', mountPath: '/data' },
          { name: 'tmp', mountPath: '/tmp' },
        ],
      },
      { name: 'log', image: 'log:1' },
    ],
    volumes: [
      { name: 'data', persistentVolumeClaim: { claimName: 'data' } },
      { name: 'tmp', emptyDir: {} },
    ],
    tolerations: [{ key: 'gpu', operator: 'Exists' }],
    imagePullSecrets: [{ name: 'mirror' }],
    hostAliases: [{ ip: '10.0.0.1', hostnames: ['a'] }],
    nodeSelector: { zone: 'a', disk: 'ssd' },
    topologySpreadConstraints: [{ maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'ScheduleAnyway' }],
    resourceClaims: [
      { name: 'gpu', resourceClaimName: 'shared' },
      { name: 'nic', resourceClaimTemplateName: 'nic' },
    ],
    securityContext: { runAsUser: 1, supplementalGroups: [7, 8] },
  },
};

const container = (fields: JsonObject): JsonObject => ({ spec: { containers: [{ name: 'web', ...fields }] } });

/** Patches of a pod template: each is applied by a real server and by us, and both results are stored by the server. */
const patches: Readonly<Record<string, JsonObject>> = {
  'a field of a container': container({ image: 'web:2' }),
  'a container before another, and an init container': {
    spec: { initContainers: [{ name: 'fetch', image: 'fetch:1' }], containers: [{ name: 'proxy', image: 'proxy:1' }] },
  },
  'variables: one changed, one new': container({
    env: [
      { name: 'C', value: '3' },
      { name: 'A', value: '9' },
    ],
  }),
  'variables: one deleted': container({ env: [{ name: 'A', $patch: 'delete' }] }),
  'variables: others in place of all': container({ env: [{ $patch: 'replace' }, { name: 'Z', value: '0' }] }),
  'arguments and sources of variables, which are replaced': container({ args: ['--three'], envFrom: [{ configMapRef: { name: 'c' } }] }),
  'a port known by its number alone': container({
    ports: [
      { containerPort: 80, name: 'web' },
      { containerPort: 82, name: 'more' },
    ],
  }),
  'a mount known by its path': container({ volumeMounts: [{ mountPath: '/tmp', name: 'data', readOnly: true }] }),
  'claims of a container, which are replaced': container({ resources: { claims: [{ name: 'nic' }] } }),
  'a limit beside another': container({ resources: { limits: { cpu: '1' } } }),
  'a null and an atomic list in a security context': container({
    securityContext: { readOnlyRootFilesystem: null, capabilities: { drop: ['KILL'] } },
  }),
  'a struct that is replaced': container({ securityContext: { $patch: 'replace', runAsNonRoot: true } }),
  'a struct that is deleted': container({ securityContext: { $patch: 'delete' } }),
  'a volume of another kind': { spec: { volumes: [{ name: 'data', $retainKeys: ['name', 'emptyDir'], emptyDir: { medium: 'Memory' } }] } },
  'a volume more': { spec: { volumes: [{ name: 'certs', secret: { secretName: 'certs' } }] } },
  'tolerations, which are replaced': { spec: { tolerations: [{ key: 'spot', operator: 'Exists' }] } },
  'lists known by name, address and topology': {
    spec: {
      imagePullSecrets: [{ name: 'other' }],
      hostAliases: [
        { ip: '10.0.0.1', hostnames: ['b'] },
        { ip: '10.0.0.2', hostnames: ['c'] },
      ],
      topologySpreadConstraints: [
        { topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule', maxSkew: 2 },
        { topologyKey: 'host', whenUnsatisfiable: 'ScheduleAnyway', maxSkew: 1 },
      ],
      resourceClaims: [{ name: 'nic', $retainKeys: ['name', 'resourceClaimName'], resourceClaimName: 'one' }],
    },
  },
  'a map that the appliers own as a whole': { spec: { nodeSelector: { disk: null, arch: 'arm64' } } },
  'groups, which are replaced': { spec: { securityContext: { supplementalGroups: [9] } } },
  'an order': {
    spec: {
      '$setElementOrder/containers': [{ name: 'log' }, { name: 'proxy' }, { name: 'web' }],
      containers: [{ name: 'proxy', image: 'proxy:1' }],
    },
  },
  'annotations, and finalizers that are values': {
    metadata: { annotations: { a: null, c: '3' }, finalizers: ['example.org/z'], '$deleteFromPrimitiveList/finalizers': ['example.org/x'] },
  },
  'affinity where there was none, with nulls and directives in it': {
    spec: {
      affinity: { nodeAffinity: null, podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [] } },
      priorityClassName: null,
    },
  },
};

const refused: Readonly<Record<string, JsonObject>> = {
  'an item without its key': container({ env: [{ value: '1' }] }),
  'an unknown directive': container({ securityContext: { $patch: 'merge', runAsUser: 1 } }),
  'a field beside $retainKeys that it does not name': { spec: { volumes: [{ name: 'data', $retainKeys: ['emptyDir'], emptyDir: {} }] } },
  'an order that is no list': { spec: { '$setElementOrder/containers': 'web' } },
};

describe.skipIf(kubeconfig === '')('a strategic merge patch', () => {
  let deployment: JsonObject;

  beforeAll(async () => {
    const selector = { matchLabels: { app: 'web' } };
    const spec = { replicas: 0, paused: true, selector, template };
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

  test.concurrent.each(Object.entries(refused))('with %s is refused by both', async (_, patch) => {
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
