import type { ObjectMeta as ApiObjectMeta } from 'kubernetes-types/meta/v1.d.ts';

/** Metadata as the API server sends it: raw JSON, timestamps are RFC 3339 strings. */
export type ObjectMeta = ApiObjectMeta & { readonly name: string };

/** Any object of the Kubernetes API, as raw JSON. */
export type KubeObject = { readonly apiVersion: string; readonly kind: string; readonly metadata: ObjectMeta };

/** An object of `kubernetes-types`, with the fields present that every served object has. */
export type Served<T> = T & KubeObject;

/** An object that the API server has not seen: `metadata.name` may be left to `generateName`. */
export type Draft<T extends KubeObject> = Omit<T, 'metadata' | 'apiVersion' | 'kind'> & {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: ApiObjectMeta;
};

/** Some fields of `T`: what one server-side apply manager intends. Lists are given whole. */
export type Intent<T> = T extends readonly unknown[] ? T : T extends object ? { readonly [K in keyof T]?: Intent<T[K]> | undefined } : T;

/** What is applied: an intent that names its object. */
export type ApplyObject<T extends KubeObject> = Omit<Intent<T>, 'apiVersion' | 'kind' | 'metadata'> & {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: ApiObjectMeta & { readonly name: string };
};

/** A JSON merge patch (RFC 7386): null removes a field, lists are replaced whole. */
export type MergePatch<T> = T extends readonly unknown[]
  ? T
  : T extends object
    ? { readonly [K in keyof T]?: MergePatch<T[K]> | null | undefined }
    : T;

/** Names one object of a type. Cluster-scoped types have no namespace. */
export type ObjectRef = { readonly namespace?: string | undefined; readonly name: string };

/** Where a type is served, and its shape (`T` exists for the compiler only). */
export type ResourceType<T extends KubeObject = KubeObject> = {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
  /** Never set: carries `T`. */
  readonly shape?: T;
};

/** Declares a type that the API serves, for example a custom resource. */
export function resourceType<T extends KubeObject>(where: Omit<ResourceType, 'shape'>): ResourceType<T> {
  const { group, version, kind, plural, namespaced } = where;
  return { group, version, kind, plural, namespaced };
}

/** `v1` or `group/version`. */
export function apiVersionOf(type: Pick<ResourceType, 'group' | 'version'>): string {
  return type.group === '' ? type.version : `${type.group}/${type.version}`;
}

/** A cache or queue key: `namespace/name`, or `name` for a cluster-scoped object. */
export function keyOf(object: { readonly metadata: { readonly namespace?: string; readonly name: string } }): string {
  return refKey(object.metadata);
}

/** The key of the object that a reference names. */
export function refKey(ref: ObjectRef): string {
  return ref.namespace ? `${ref.namespace}/${ref.name}` : ref.name;
}

/** The reference that a key stands for. */
export function parseKey(key: string): ObjectRef {
  const slash = key.indexOf('/');
  return slash < 0 ? { name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}
