import type { Change } from '../cache/changes.ts';
import type { KubeObject } from '../client/types.ts';

/** Whether a change is worth a reconcile. */
export type Predicate<T extends KubeObject = KubeObject> = (change: Change<T>) => boolean;

/** Drops updates of status and metadata alone: only a new spec has a new generation. */
export const generationChanged: Predicate = (change) =>
  change.type !== 'update' || change.old.metadata.generation !== change.object.metadata.generation;

export const labelsChanged: Predicate = (change) =>
  change.type !== 'update' || !sameEntries(change.old.metadata.labels, change.object.metadata.labels);

export const annotationsChanged: Predicate = (change) =>
  change.type !== 'update' || !sameEntries(change.old.metadata.annotations, change.object.metadata.annotations);

/** Passes an update when deletion has begun: with finalizers that is the call to clean up. */
export const deletionStarted: Predicate = (change) =>
  change.type !== 'update' ||
  (change.object.metadata.deletionTimestamp !== undefined && change.old.metadata.deletionTimestamp === undefined);

export function and<T extends KubeObject>(...predicates: readonly Predicate<T>[]): Predicate<T> {
  return (change) => predicates.every((predicate) => predicate(change));
}

export function or<T extends KubeObject>(...predicates: readonly Predicate<T>[]): Predicate<T> {
  return (change) => predicates.some((predicate) => predicate(change));
}

export function not<T extends KubeObject>(predicate: Predicate<T>): Predicate<T> {
  return (change) => !predicate(change);
}

type Entries = Readonly<Record<string, string>> | undefined;

function sameEntries(a: Entries = {}, b: Entries = {}): boolean {
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => a[name] === b[name]);
}
