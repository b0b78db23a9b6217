import { foregroundFinalizer, type GraphNode, orphanFinalizer } from './owner-graph.ts';

/** What an owner is to its dependent: it stays, it is gone, or it is being deleted and waits for its dependents. */
export type OwnerState = 'present' | 'absent' | 'waiting';

export type Verdict =
  | { readonly do: 'keep' }
  /** Remove the references to these owners (uids): others keep the object. */
  | { readonly do: 'release'; readonly owners: readonly string[] }
  | { readonly do: 'delete'; readonly policy: 'Background' | 'Foreground' | 'Orphan' };

/**
 * What becomes of an object that has owners (kube-controller-manager, attemptToDeleteItem). Pure.
 * One owner that stays keeps it; it goes when none does. Below an owner that waits, the wait goes on to its own dependents.
 */
export function judge(node: GraphNode, states: ReadonlyMap<string, OwnerState>, hasDependents: boolean): Verdict {
  if (node.deleting || node.owners.length === 0) return { do: 'keep' };
  const of = (state: OwnerState) => node.owners.filter(({ uid }) => (states.get(uid) ?? 'present') === state).map(({ uid }) => uid);
  const [present, absent, waiting] = [of('present'), of('absent'), of('waiting')];
  if (present.length > 0) {
    const leaving = [...absent, ...waiting];
    return leaving.length > 0 ? { do: 'release', owners: leaving } : { do: 'keep' };
  }
  if (waiting.length > 0 && hasDependents) return { do: 'delete', policy: 'Foreground' };
  if (node.finalizers.includes(orphanFinalizer)) return { do: 'delete', policy: 'Orphan' };
  return { do: 'delete', policy: node.finalizers.includes(foregroundFinalizer) ? 'Foreground' : 'Background' };
}
