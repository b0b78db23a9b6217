import type { JsonObject } from '../../core/json.ts';

/** A pod, or the template of one, with something in each list that merges. */
export const podExample: JsonObject = {
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

/** Strategic merge patches of it that a real server takes; test/control-plane compares what it makes of them with ours. */
export const patches: Readonly<Record<string, JsonObject>> = {
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

/** Patches of it that a real server refuses. */
export const refusedPatches: Readonly<Record<string, JsonObject>> = {
  'an item without its key': container({ env: [{ value: '1' }] }),
  'an unknown directive': container({ securityContext: { $patch: 'merge', runAsUser: 1 } }),
  'a field beside $retainKeys that it does not name': { spec: { volumes: [{ name: 'data', $retainKeys: ['emptyDir'], emptyDir: {} }] } },
  'an order that is no list': { spec: { '$setElementOrder/containers': 'web' } },
};
