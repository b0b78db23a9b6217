import type { CustomResourceDefinition as ApiCustomResourceDefinition } from 'kubernetes-types/apiextensions/v1.d.ts';
import type { Scale as ApiScale } from 'kubernetes-types/autoscaling/v1.d.ts';
import type { Lease as ApiLease } from 'kubernetes-types/coordination/v1.d.ts';
import type {
  ConfigMap as ApiConfigMap,
  Event as ApiEvent,
  Namespace as ApiNamespace,
  Node as ApiNode,
  Pod as ApiPod,
  Secret as ApiSecret,
} from 'kubernetes-types/core/v1.d.ts';
import { resourceType, type Served } from './types.ts';

export type Pod = Served<ApiPod>;
export type Event = Served<ApiEvent>;
export type Secret = Served<ApiSecret>;
export type ConfigMap = Served<ApiConfigMap>;
export type Namespace = Served<ApiNamespace>;
export type Node = Served<ApiNode>;
export type Lease = Served<ApiLease>;
export type CustomResourceDefinition = Served<ApiCustomResourceDefinition>;
/** The scale subresource: `spec.replicas` is asked for, `status` is what is. */
export type Scale = Served<ApiScale>;

const core = { group: '', version: 'v1', namespaced: true } as const;

export const pods = resourceType<Pod>({ ...core, kind: 'Pod', plural: 'pods' });
export const events = resourceType<Event>({ ...core, kind: 'Event', plural: 'events' });
export const secrets = resourceType<Secret>({ ...core, kind: 'Secret', plural: 'secrets' });
export const configMaps = resourceType<ConfigMap>({ ...core, kind: 'ConfigMap', plural: 'configmaps' });
export const namespaces = resourceType<Namespace>({ ...core, kind: 'Namespace', plural: 'namespaces', namespaced: false });
export const nodes = resourceType<Node>({ ...core, kind: 'Node', plural: 'nodes', namespaced: false });
export const leases = resourceType<Lease>({
  group: 'coordination.k8s.io',
  version: 'v1',
  kind: 'Lease',
  plural: 'leases',
  namespaced: true,
});
export const customResourceDefinitions = resourceType<CustomResourceDefinition>({
  group: 'apiextensions.k8s.io',
  version: 'v1',
  kind: 'CustomResourceDefinition',
  plural: 'customresourcedefinitions',
  namespaced: false,
});
