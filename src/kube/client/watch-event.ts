import type { Status } from 'kubernetes-types/meta/v1.d.ts';
import { isJsonObject } from '../../core/json.ts';
import type { KubeObject } from './types.ts';

/** One line of a watch. A BOOKMARK carries a resourceVersion and no object; an ERROR ends the stream. */
export type WatchEvent<T extends KubeObject = KubeObject> =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: T }
  | { readonly type: 'BOOKMARK'; readonly object: Bookmark }
  | { readonly type: 'ERROR'; readonly object: Status };

export type Bookmark = {
  readonly metadata: { readonly resourceVersion: string; readonly annotations?: Readonly<Record<string, string>> };
};

/** Checks the envelope only: what is in the object is the server's promise. Throws a TypeError for anything that is no watch event. */
export function parseWatchEvent<T extends KubeObject>(value: unknown): WatchEvent<T> {
  if (!isJsonObject(value) || !isJsonObject(value.object)) throw new TypeError('a line of the watch is no event');
  switch (value.type) {
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED':
    case 'BOOKMARK':
      if (!isJsonObject(value.object.metadata)) throw new TypeError(`a ${value.type} event has no metadata`);
      return value as unknown as WatchEvent<T>;
    case 'ERROR':
      return value as unknown as WatchEvent<T>;
    default:
      throw new TypeError(`a watch event has the unknown type ${JSON.stringify(value.type)}`);
  }
}
