import { z } from 'zod';
import { apiVersionOf, isNotFound, type KubeClient, type ResourceType } from '../../kube/index.ts';

const groupList = z.object({ groups: z.array(z.object({ preferredVersion: z.object({ groupVersion: z.string() }) })) });
const resourceList = z.object({
  resources: z.array(z.object({ name: z.string(), kind: z.string(), namespaced: z.boolean(), verbs: z.array(z.string()) })),
});

const needed = ['list', 'watch', 'delete'];
// Events come and go by themselves, in numbers; nothing depends on them.
const ignored = new Set(['/events', 'events.k8s.io/events']);

/** Group and plural: what a kind is, whatever its version. */
export function resourceKey(type: Pick<ResourceType, 'group' | 'plural'>): string {
  return `${type.group}/${type.plural}`;
}

/** Every kind that the server serves and whose objects can be collected, each in its preferred version. */
export async function collectableTypes(client: KubeClient, signal: AbortSignal): Promise<ResourceType[]> {
  const all = await servedTypes(client, signal);
  return all.filter((type) => !ignored.has(resourceKey(type)));
}

/** Every kind that the server lets list, watch and delete. */
export async function servedTypes(client: KubeClient, signal: AbortSignal): Promise<ResourceType[]> {
  const { groups } = groupList.parse(await client.request('GET', '/apis', { signal }));
  const versions = ['v1', ...groups.map(({ preferredVersion }) => preferredVersion.groupVersion)];
  return (await Promise.all(versions.map((version) => typesOf(client, version, signal)))).flat();
}

/** The type of a reference's kind among those that are served; its version is the reference's own. */
export function typeOfReference(types: readonly ResourceType[], reference: { apiVersion: string; kind: string }): ResourceType | undefined {
  const { group, version } = parseGroupVersion(reference.apiVersion);
  const type = types.find((one) => one.group === group && one.kind === reference.kind);
  return type && { ...type, version };
}

async function typesOf(client: KubeClient, groupVersion: string, signal: AbortSignal): Promise<ResourceType[]> {
  const where = parseGroupVersion(groupVersion);
  try {
    const path = where.group === '' ? `/api/${groupVersion}` : `/apis/${groupVersion}`;
    const { resources } = resourceList.parse(await client.request('GET', path, { signal }));
    return resources
      .filter(({ name, verbs }) => !name.includes('/') && needed.every((verb) => verbs.includes(verb)))
      .map(({ name, kind, namespaced }) => ({ ...where, kind, plural: name, namespaced }));
  } catch (error) {
    if (isNotFound(error)) return []; // the group went between the two requests
    throw error;
  }
}

function parseGroupVersion(text: string): { group: string; version: string } {
  const slash = text.indexOf('/');
  return slash < 0 ? { group: '', version: text } : { group: text.slice(0, slash), version: text.slice(slash + 1) };
}

/** Whether two types are served at the same place. */
export function sameType(one: ResourceType, other: ResourceType): boolean {
  return resourceKey(one) === resourceKey(other) && apiVersionOf(one) === apiVersionOf(other);
}
