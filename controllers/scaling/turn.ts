import { isAsleep } from '../../src/api/asleep.ts';
import type { ModelDeployment, ResolvedSpec } from '../../src/api/model-deployment.ts';
import { annotations } from '../../src/api/resources.ts';
import { parseDuration } from '../../src/core/durations.ts';

/** Why a model is woken. */
type Cause = 'Requests' | 'MinReplicas' | 'NotScaled';

/** A load that ends or fails is news, but the time that passes between the crashes of an engine is none. */
const lookAgainMs = 5_000;

/** Where a deployment stands between zero and one. Instants and durations in milliseconds. */
export type Standing = {
  readonly deployment: ModelDeployment;
  readonly spec: Pick<ResolvedSpec, 'replicas' | 'scaling' | 'suspend'>;
  /** Requests that wait at gateways, as far as they are heard. */
  readonly waiting: number;
  /** Every gateway that callers may be at is heard, and neither they nor the workers have a request. */
  readonly silent: boolean;
  /** Since when that is so, no replica became ready, and the model is awake. */
  readonly silentSince: number;
  /** Replicas that there are, those on their way out included. */
  readonly replicas: number;
  /** A replica gets on towards Ready. */
  readonly loading: boolean;
};

/** What to do with a deployment between zero and one. */
export type Turn =
  | { readonly do: 'nothing'; readonly dueMs?: number }
  | { readonly do: 'sleep'; readonly silentMs: number }
  | { readonly do: 'wake'; readonly cause: Cause }
  /** It has no replicas from the beginning: from now on it sleeps. */
  | { readonly do: 'begin' }
  /** Somebody gave it replicas himself. */
  | { readonly do: 'awaken' };

/**
 * Decides between zero and one, which no autoscaler does: a request wakes a model that sleeps, silence puts it to sleep. Pure.
 * A zero that somebody set himself stays, and so does what is suspended. What was woken stays for `idleTimeout` at least, whether
 * it loads or fails, so that nothing goes up and down with each request.
 */
export function turnOf({ deployment, spec, waiting, silent, silentSince, replicas: existing, loading }: Standing, now: number): Turn {
  const { replicas, scaling, suspend } = spec;
  const isMarked = deployment.metadata.annotations?.[annotations.asleep] !== undefined;
  if (suspend) return { do: 'nothing' };
  if (replicas > 0 && isMarked) return { do: 'awaken' };
  if (replicas === 0) {
    // One that has replicas is not new, though its status does not say so yet.
    if (!isAsleep(deployment) || (!isMarked && existing > 0)) return { do: 'nothing' };
    // Without scaling nobody listens for its requests any more, and the zero was ours.
    if (!scaling) return { do: 'wake', cause: 'NotScaled' };
    if (scaling.minReplicas > 0) return { do: 'wake', cause: 'MinReplicas' };
    if (waiting > 0) return { do: 'wake', cause: 'Requests' };
    return isMarked ? { do: 'nothing' } : { do: 'begin' };
  }
  if (!scaling || scaling.minReplicas > 0) return { do: 'nothing' };
  const silentMs = now - silentSince;
  const dueMs = parseDuration(scaling.idleTimeout) - silentMs;
  if (dueMs > 0) return { do: 'nothing', dueMs };
  return silent && !loading ? { do: 'sleep', silentMs } : { do: 'nothing', dueMs: lookAgainMs };
}
