import type { JsonObject } from '../../core/json.ts';
import type { ResourceDefinition } from './resource.ts';

const verbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];
const subresourceVerbs = ['get', 'patch', 'update'];

type Subresource = {
  readonly name: string;
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly verbs: readonly string[];
};

function subresourcesOf({ group, version, kind, subresources }: ResourceDefinition): Subresource[] {
  return [
    ...(subresources.log ? [{ name: 'log', group, version, kind, verbs: ['get'] }] : []),
    ...(subresources.scale ? [{ name: 'scale', group: 'autoscaling', version: 'v1', kind: 'Scale', verbs: subresourceVerbs }] : []),
    ...(subresources.status ? [{ name: 'status', group, version, kind, verbs: subresourceVerbs }] : []),
  ];
}

/** Newest first as k8s.io/apimachinery/pkg/version orders them: v2, v1, v1beta2, v1beta1, v1alpha1, then the rest by name. */
function compareVersions(a: string, b: string): number {
  const rank = (version: string): readonly number[] | undefined => {
    const match = /^v([0-9]+)(?:(alpha|beta)([0-9]+))?$/.exec(version);
    return match ? [match[2] === undefined ? 2 : match[2] === 'beta' ? 1 : 0, Number(match[1]), Number(match[3] ?? 0)] : undefined;
  };
  const [left, right] = [rank(a), rank(b)];
  if (!left || !right) return left ? -1 : right ? 1 : a.localeCompare(b);
  for (const [index, value] of right.entries()) {
    const difference = value - (left[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function versionsOf(group: string, definitions: readonly ResourceDefinition[]): string[] {
  const versions = definitions.filter((each) => each.group === group).map((each) => each.version);
  return [...new Set(versions)].sort(compareVersions);
}

function groupsOf(definitions: readonly ResourceDefinition[]): string[] {
  return [...new Set(definitions.map((each) => each.group))].filter((group) => group !== '');
}

function groupDocument(group: string, definitions: readonly ResourceDefinition[]): JsonObject {
  const versions = versionsOf(group, definitions).map((version) => ({ groupVersion: `${group}/${version}`, version }));
  return { name: group, versions, preferredVersion: versions[0] ?? {} };
}

function resourceList(groupVersion: string, served: readonly ResourceDefinition[]): JsonObject {
  const resources = served.flatMap((definition) => {
    const { plural, singular, namespaced, kind, shortNames, categories } = definition;
    const main: JsonObject = {
      name: plural,
      singularName: singular,
      namespaced,
      kind,
      verbs: [...verbs],
      ...(shortNames.length > 0 && { shortNames: [...shortNames] }),
      ...(categories.length > 0 && { categories: [...categories] }),
    };
    const below = subresourcesOf(definition).map((each) => ({
      name: `${plural}/${each.name}`,
      singularName: '',
      namespaced,
      ...(each.group !== definition.group && { group: each.group, version: each.version }),
      kind: each.kind,
      verbs: [...each.verbs],
    }));
    return [main, ...below];
  });
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion, resources };
}

function aggregatedResource(definition: ResourceDefinition): JsonObject {
  const { group, version, kind, plural, singular, namespaced, shortNames, categories } = definition;
  const scope = namespaced ? 'Namespaced' : 'Cluster';
  const below = subresourcesOf(definition).map((each) => ({
    subresource: each.name,
    responseKind: { group: each.group, version: each.version, kind: each.kind },
    verbs: [...each.verbs],
  }));
  return {
    resource: plural,
    responseKind: { group, version, kind },
    scope,
    singularResource: singular,
    verbs: [...verbs],
    ...(shortNames.length > 0 && { shortNames: [...shortNames] }),
    ...(categories.length > 0 && { categories: [...categories] }),
    ...(below.length > 0 && { subresources: below }),
  };
}

function aggregated(groups: readonly string[], definitions: readonly ResourceDefinition[]): JsonObject {
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: 'apidiscovery.k8s.io/v2',
    metadata: {},
    items: groups.map((group) => ({
      metadata: group === '' ? {} : { name: group },
      versions: versionsOf(group, definitions).map((version) => ({
        version,
        resources: definitions.filter((each) => each.group === group && each.version === version).map(aggregatedResource),
        freshness: 'Current',
      })),
    })),
  };
}

function wantsAggregated(accept: string | undefined): boolean {
  return (accept ?? '')
    .split(',')
    .some((each) => /g=apidiscovery\.k8s\.io/.test(each) && /v=v2(;|$|\s)/.test(each) && /as=APIGroupDiscoveryList/.test(each));
}

/**
 * The discovery document at a path (`/api`, `/api/v1`, `/apis`, `/apis/G`, `/apis/G/V`); undefined where there is none.
 * `/api` and `/apis` answer with every resource at once when `accept` asks for the aggregated form, apidiscovery.k8s.io/v2; its `kind` is then
 * APIGroupDiscoveryList, and the content type must say so too.
 */
export function discoveryDocument(
  path: string,
  accept: string | undefined,
  definitions: readonly ResourceDefinition[],
): JsonObject | undefined {
  const [root, group, version, ...rest] = path.split('/').filter((part) => part !== '');
  if (rest.length > 0) return undefined;
  if (root === 'api') {
    if (version !== undefined) return undefined;
    const core = definitions.filter((each) => each.group === '');
    if (group !== undefined) {
      const served = core.filter((each) => each.version === group);
      return served.length > 0 ? resourceList(group, served) : undefined;
    }
    if (wantsAggregated(accept)) return aggregated([''], definitions);
    return { kind: 'APIVersions', versions: versionsOf('', definitions), serverAddressByClientCIDRs: [] };
  }
  if (root !== 'apis') return undefined;
  if (group === undefined) {
    if (wantsAggregated(accept)) return aggregated(groupsOf(definitions), definitions);
    return { kind: 'APIGroupList', apiVersion: 'v1', groups: groupsOf(definitions).map((each) => groupDocument(each, definitions)) };
  }
  const members = definitions.filter((each) => each.group === group);
  if (members.length === 0) return undefined;
  if (version === undefined) return { kind: 'APIGroup', apiVersion: 'v1', ...groupDocument(group, definitions) };
  const served = members.filter((each) => each.version === version);
  return served.length > 0 ? resourceList(`${group}/${version}`, served) : undefined;
}
