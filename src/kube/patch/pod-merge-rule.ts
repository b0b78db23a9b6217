import type { MergeRule } from './merge-rule.ts';

const untyped: MergeRule = { kind: 'untyped' };

/** What is not named merges by field where it is an object, and is replaced where it is a list. */
function struct(fields: Readonly<Record<string, MergeRule>>): MergeRule {
  return { kind: 'struct', fields, rest: untyped };
}

function byKey(key: string, items: MergeRule = untyped): MergeRule {
  return { kind: 'list', type: 'map', keys: [key], items };
}

const container = struct({
  ports: byKey('containerPort'),
  env: byKey('name'),
  volumeMounts: byKey('mountPath'),
  volumeDevices: byKey('devicePath'),
});

const metadata = struct({ ownerReferences: byKey('uid'), finalizers: { kind: 'list', type: 'set', items: { kind: 'scalar' } } });

/** The patch merge keys of k8s.io/api/core/v1 as of Kubernetes 1.35 for a pod, or for the template of one. */
export const podMergeRule: MergeRule = struct({
  metadata,
  spec: struct({
    containers: byKey('name', container),
    initContainers: byKey('name', container),
    ephemeralContainers: byKey('name', container),
    volumes: byKey('name'),
    imagePullSecrets: byKey('name'),
    hostAliases: byKey('ip'),
    topologySpreadConstraints: byKey('topologyKey'),
    schedulingGates: byKey('name'),
    resourceClaims: byKey('name'),
  }),
  status: struct({
    conditions: byKey('type'),
    hostIPs: byKey('ip'),
    podIPs: byKey('ip'),
    resourceClaimStatuses: byKey('name'),
  }),
});
