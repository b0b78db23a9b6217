/** How often each kind of write may be done; kinds that are not named may not be done at all. */
export type Budget = Readonly<Record<string, number | { readonly atMost: number }>>;
export const conflicts = 'lost against another writer';
export const atMost = (count: number) => ({ atMost: count });

export function fits(count: number, allowed: number | { readonly atMost: number }): boolean {
  return typeof allowed === 'number' ? count === allowed : count <= allowed.atMost;
}

type Cost = {
  /** Pods created, exactly. */
  readonly pods: number;
  /** Pods deleted, exactly; none unless told. */
  readonly deleted?: number;
  /** Changes of pods at most: the protection that goes, the mark to drain. One a pod unless told. */
  readonly patched?: number;
  readonly revisions?: number;
  readonly status?: number;
  readonly events?: number;
  /** What else is written. */
  readonly more?: Budget;
};

/** What the life of a deployment may cost: one finalizer, its pods, its history, and little talk. */
export function costs({
  pods: created,
  deleted = 0,
  patched = created,
  revisions = 1,
  status = 12,
  events: told = 5,
  more = {},
}: Cost): Budget {
  return {
    'PATCH modeldeployments': atMost(2), // the finalizer comes, and goes
    'POST pods': created,
    ...(deleted > 0 && { 'DELETE pods': deleted }),
    'PATCH pods': atMost(patched),
    'POST controllerrevisions': atMost(revisions),
    'POST poddisruptionbudgets': atMost(1),
    'POST events': atMost(told),
    'PATCH events': atMost(4), // what happens again is counted up
    'PATCH modeldeployments/status': atMost(status),
    [conflicts]: atMost(4),
    ...more,
  };
}
