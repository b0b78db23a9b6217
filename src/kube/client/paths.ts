import type { ObjectRef, ResourceType } from './types.ts';

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

/** The path of a collection: of one namespace, or of all when none is named. */
export function collectionPath(type: ResourceType, namespace?: string | undefined): string {
  const root = type.group === '' ? `/api/${type.version}` : `/apis/${type.group}/${type.version}`;
  const scope = type.namespaced && namespace ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  return `${root}${scope}/${type.plural}`;
}

/** The path of one object or of its subresource. Throws a TypeError when the reference does not fit the type's scope. */
export function objectPath(type: ResourceType, ref: ObjectRef, subresource?: string | undefined): string {
  if (ref.name === '') throw new TypeError(`a ${type.kind} needs a name`);
  requireNamespace(type, ref.namespace);
  const path = `${collectionPath(type, ref.namespace)}/${encodeURIComponent(ref.name)}`;
  return subresource ? `${path}/${subresource}` : path;
}

/** Refuses to ask for a namespaced object without its namespace, which would silently address another path. */
export function requireNamespace(type: ResourceType, namespace: string | undefined): void {
  if (type.namespaced && !namespace) throw new TypeError(`a ${type.kind} needs a namespace`);
}

/** The path with its query; undefined values are left out. */
export function withQuery(path: string, query: Query): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) search.set(name, String(value));
  const text = search.toString();
  return text === '' ? path : `${path}?${text}`;
}
