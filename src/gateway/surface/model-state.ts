import type { Model } from '../models.ts';

/** How a model can be served now, as `/v1/models` tells it beside OpenAI's fields. */
export type ModelState = {
  /**
   * `ready`; `loading`: a call waits for it; `asleep`: a call waits, and wakes it where it sleeps; `unavailable`: a call is refused.
   */
  readonly state: 'ready' | 'loading' | 'asleep' | 'unavailable';
  readonly ready_replicas: number;
  /** Phase of the replica that governs the load; with `loading` alone. */
  readonly phase?: string;
  readonly percent?: number;
  /** Null when unknown. */
  readonly eta_seconds?: number | null;
};

/** Decides what to tell of a model. */
export function modelState({ spec, line }: Model): ModelState {
  const { readyReplicas: ready_replicas } = line;
  if (ready_replicas > 0 && spec.availability !== 'suspended') return { state: 'ready', ready_replicas };
  if (spec.availability !== 'serving') return { state: 'unavailable', ready_replicas };
  if (!spec.loading) return { state: 'asleep', ready_replicas };
  const { phase, percent, etaSeconds } = spec.loading;
  return { state: 'loading', ready_replicas, phase, percent, eta_seconds: etaSeconds ?? null };
}
