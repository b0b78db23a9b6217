import { metricNames } from '../api/fleet-metrics.ts';
import type { JsonObject } from '../core/json.ts';
import { groupVersionOf, type ServedGroup, servedGroups } from './groups.ts';

/** A document of discovery: in the shape of old, and for `/apis` as the one that describes everything as well. */
type DiscoveryDocument = { readonly legacy: JsonObject; readonly aggregated?: JsonObject };

/** What discovery says at each path. */
export const discovery: Readonly<Record<string, DiscoveryDocument>> = {
  '/apis': {
    legacy: { kind: 'APIGroupList', apiVersion: 'v1', groups: servedGroups.map(groupDocument) },
    aggregated: {
      kind: 'APIGroupDiscoveryList',
      apiVersion: 'apidiscovery.k8s.io/v2',
      metadata: {},
      items: servedGroups.map(aggregatedGroup),
    },
  },
  ...Object.fromEntries(
    servedGroups.flatMap((group) => [
      [`/apis/${group.group}`, { legacy: { kind: 'APIGroup', apiVersion: 'v1', ...groupDocument(group) } }],
      [`/apis/${groupVersionOf(group)}`, { legacy: resourceList(group) }],
    ]),
  ),
};

function groupDocument(group: ServedGroup): JsonObject {
  const version = { groupVersion: groupVersionOf(group), version: group.version };
  return { name: group.group, versions: [version], preferredVersion: version };
}

function resourceList(group: ServedGroup): JsonObject {
  const resources = metricNames.map((metric) => ({
    name: group.resource === '' ? metric : `${group.resource}/${metric}`,
    singularName: '',
    namespaced: true,
    kind: group.kind,
    verbs: ['get'],
  }));
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: groupVersionOf(group), resources };
}

function aggregatedGroup(served: ServedGroup): JsonObject {
  const { group, version, kind, resource } = served;
  const responseKind = { group, version, kind };
  const resources =
    resource === ''
      ? metricNames.map((metric) => ({ resource: metric, responseKind, scope: 'Namespaced', singularResource: '', verbs: ['get'] }))
      : [
          {
            resource,
            // Of a resource that has nothing but subresources: empty, but there, for clients that look into it (kubernetes#118361).
            responseKind: { group: '', version: '', kind: '' },
            scope: 'Namespaced',
            singularResource: '',
            verbs: [],
            subresources: metricNames.map((metric) => ({ subresource: metric, responseKind, verbs: ['get'] })),
          },
        ];
  return { metadata: { name: group }, versions: [{ version, resources, freshness: 'Current' }] };
}
