import type { KubeObject } from '../client/types.ts';

/** What happened to one object of a cache. */
export type Change<T extends KubeObject = KubeObject> =
  | { readonly type: 'add'; readonly object: T }
  | { readonly type: 'update'; readonly object: T; readonly old: T }
  | { readonly type: 'delete'; readonly object: T };

/**
 * What tells a reader that a name went from `old` to `object`. Another UID is another object: the old one was deleted
 * behind our back, and whoever tracks it must hear so. The same resourceVersion is the same object: nothing happened.
 */
export function changesBetween<T extends KubeObject>(old: T | undefined, object: T | undefined): readonly Change<T>[] {
  if (!old) return object ? [{ type: 'add', object }] : [];
  if (!object) return [{ type: 'delete', object: old }];
  if (old.metadata.uid !== object.metadata.uid) {
    return [
      { type: 'delete', object: old },
      { type: 'add', object },
    ];
  }
  const { resourceVersion } = object.metadata;
  if (resourceVersion !== undefined && resourceVersion === old.metadata.resourceVersion) return [];
  return [{ type: 'update', object, old }];
}

/** Whether `version` is older than `than`. Only numbers can be compared; anything else is taken as news. */
export function isOlder(version: string | undefined, than: string | undefined): boolean {
  if (!version || !than || !/^\d+$/.test(version) || !/^\d+$/.test(than)) return false;
  return version.length === than.length ? version < than : version.length < than.length;
}
