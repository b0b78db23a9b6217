import type { KubeObject } from '../client/types.ts';

/** The object without managedFields (half its size, and no reader's business), frozen to the bottom: what the cache hands out is shared. */
export function ingest<T extends KubeObject>(object: T): T {
  if (object.metadata.managedFields === undefined) return deepFreeze(object);
  const { managedFields: _dropped, ...metadata } = object.metadata;
  return deepFreeze({ ...object, metadata });
}

function deepFreeze<V>(value: V): V {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const part of Object.values(value)) deepFreeze(part);
  return value;
}
