import type { Change } from '../cache/changes.ts';
import type { Informer } from '../cache/informer.ts';
import { type KubeObject, keyOf, type ResourceType, refKey } from '../client/types.ts';
import type { Predicate } from './predicates.ts';

/** Where a controller's keys come from. */
export type Source = {
  /** Begins to enqueue; returns the function that ends it. Urgent keys are worked on before all others. */
  start(enqueue: (key: string, urgent?: boolean) => void): () => void;
  /** Resolves when the source has told everything that was there before. */
  synced(signal: AbortSignal): Promise<void>;
  /** Urgent keys do not wait for it to be synced. */
  readonly late?: boolean;
};

/** The keys of the informer's own objects: what the controller is for. */
export function forType<T extends KubeObject>(informer: Informer<T>, ...predicates: readonly Predicate<T>[]): Source {
  return watches(informer, (object) => [keyOf(object)], ...predicates);
}

/** What this source tells is urgent: as a rule what somebody asked for and nobody has acted on. */
export function urgently(source: Source): Source {
  return { start: (enqueue) => source.start((key) => enqueue(key, true)), synced: (signal) => source.synced(signal) };
}

/** What this source tells is no matter of urgent keys: they are worked on without it. */
export function lately(source: Source): Source {
  return { start: (enqueue) => source.start(enqueue), synced: (signal) => source.synced(signal), late: true };
}

/** The keys of the owners that control the informer's objects (owner reference with controller=true). */
export function owns<T extends KubeObject>(
  informer: Informer<T>,
  owner: Pick<ResourceType, 'group' | 'kind' | 'namespaced'>,
  ...predicates: readonly Predicate<T>[]
): Source {
  return watches(informer, (object) => controllerKeys(object, owner), ...predicates);
}

/** Whatever keys `map` makes of an object. On an update both the old and the new object are mapped, so that what was let go of hears it too. */
export function watches<T extends KubeObject>(
  informer: Informer<T>,
  map: (object: T) => Iterable<string>,
  ...predicates: readonly Predicate<T>[]
): Source {
  return {
    start(enqueue) {
      const onChange = (change: Change<T>) => {
        if (!predicates.every((predicate) => predicate(change))) return;
        const keys = new Set(map(change.object));
        if (change.type === 'update') for (const key of map(change.old)) keys.add(key);
        for (const key of keys) enqueue(key);
      };
      return informer.addHandler({
        add: (object) => onChange({ type: 'add', object }),
        update: (object, old) => onChange({ type: 'update', object, old }),
        delete: (object) => onChange({ type: 'delete', object }),
      });
    },
    synced: (signal) => informer.synced(signal),
  };
}

function controllerKeys(object: KubeObject, owner: Pick<ResourceType, 'group' | 'kind' | 'namespaced'>): string[] {
  const reference = object.metadata.ownerReferences?.find((candidate) => candidate.controller);
  if (!reference || reference.kind !== owner.kind || groupOf(reference.apiVersion) !== owner.group) return [];
  // An owner is cluster-scoped or in the namespace of what it owns; nothing else is legal.
  return [refKey({ namespace: owner.namespaced ? object.metadata.namespace : undefined, name: reference.name })];
}

function groupOf(apiVersion: string): string {
  const slash = apiVersion.indexOf('/');
  return slash < 0 ? '' : apiVersion.slice(0, slash);
}
