import { type AgentStatus, contractVersion } from '../../core/agent-contract.ts';
import type { Failure } from '../../core/failure.ts';
import { phaseLadder, type ReplicaPhase } from '../../core/phases.ts';
import { observe, type SpeedWindow, speed } from './progress.ts';

/** How far a replica is with loading its model. Instants are milliseconds since the epoch; `fraction` is of the current phase, null when unknown. */
export type LoadState = {
  readonly phase: ReplicaPhase;
  readonly fraction: number | null;
  readonly bytesDone: number | null;
  readonly bytesTotal: number | null;
  readonly window: SpeedWindow;
  readonly startedAt: number;
  readonly lastProgressAt: number;
  readonly reason: string | null;
  readonly message: string | null;
  readonly device: string | null;
  /** Tokens that the KV cache holds, of all sequences together; null before the model is loaded. */
  readonly cacheTokens: number | null;
  /** Why it was loaded again; `reason` tells it until the load has come further than it had when that happened. */
  readonly before: Setback | null;
};

/** A failure, when it was, and how far the load had come. */
type Setback = Pick<LoadState, 'phase' | 'bytesDone'> & { readonly reason: string; readonly message: string; readonly at: number };

/** A load begins, or begins again after `former` failed. */
export function beginLoad(now: number, former?: LoadState): LoadState {
  return {
    phase: 'Pending',
    fraction: 0,
    bytesDone: null,
    bytesTotal: null,
    window: [],
    startedAt: now,
    lastProgressAt: now,
    reason: null,
    message: null,
    device: null,
    cacheTokens: null,
    before: former?.before ?? null,
  };
}

/** Goes on to a later phase; throws a RangeError when asked to go back, because a ladder is climbed once per load. */
export function enterPhase(state: LoadState, phase: (typeof phaseLadder)[number], now: number, bytesTotal?: number): LoadState {
  if (rung(phase) <= rung(state.phase)) throw new RangeError(`a load in phase ${state.phase} cannot enter ${phase}`);
  return {
    ...state,
    phase,
    fraction: phase === 'Ready' ? 1 : 0,
    bytesDone: bytesTotal === undefined ? null : 0,
    bytesTotal: bytesTotal ?? null,
    window: bytesTotal === undefined ? [] : observe([], now, 0),
    lastProgressAt: now,
    message: null,
  };
}

function rung(phase: ReplicaPhase): number {
  return phaseLadder.indexOf(phase as (typeof phaseLadder)[number]);
}

/** `fraction` (0 to 1) of the phase is done. Progress never falls; a repeated or lower value changes nothing, not even `lastProgressAt`. */
export function advance(state: LoadState, fraction: number, now: number): LoadState {
  const next = Math.min(1, fraction);
  if (!(next > (state.fraction ?? 0))) return state;
  const bytesDone = state.bytesTotal === null ? null : Math.round(next * state.bytesTotal);
  return {
    ...state,
    fraction: next,
    bytesDone,
    window: bytesDone === null ? state.window : observe(state.window, now, bytesDone),
    lastProgressAt: now,
  };
}

/**
 * So many bytes of the phase are done, of a total that may not be known. What is reported is shown: a download that must begin anew goes back.
 * Bytes that were there already (a resumed download) are no speed.
 */
export function countBytes(state: LoadState, bytesDone: number, bytesTotal: number | null, now: number): LoadState {
  const began = state.bytesDone === null || bytesDone < state.bytesDone;
  if (!began && bytesDone === state.bytesDone && bytesTotal === state.bytesTotal) return state;
  return {
    ...state,
    fraction: bytesTotal === null ? null : bytesTotal === 0 ? 1 : Math.min(1, bytesDone / bytesTotal),
    bytesDone,
    bytesTotal,
    window: observe(began ? [] : state.window, now, bytesDone),
    lastProgressAt: bytesDone > (state.bytesDone ?? 0) ? now : state.lastProgressAt,
  };
}

/** What the load does beside the numbers; null ends the remark. */
export function remark(state: LoadState, message: string | null): LoadState {
  return state.message === message ? state : { ...state, message };
}

/** The load or the engine failed; progress stays where it was. */
export function fail(state: LoadState, { reason, message }: Failure, now: number): LoadState {
  const before = { phase: state.phase, bytesDone: state.bytesDone, reason, message, at: now };
  return { ...state, phase: 'Failed', cacheTokens: null, window: [], lastProgressAt: now, reason, message, before };
}

type Around = {
  readonly model: string;
  readonly engine: string;
  readonly inFlight: number;
  readonly waiting: number;
  readonly draining: boolean;
  readonly kvCacheUsage?: number | undefined;
};

/** What `GET /status` answers. The remaining time is null unless bytes are moving: it is never invented. */
export function describe(state: LoadState, around: Around, now: number): AgentStatus {
  const { kvCacheUsage, ...others } = around;
  const bytesPerSecond = state.window.length > 0 && state.phase !== 'Ready' ? speed(state.window, now) : null;
  const left = state.bytesTotal !== null && state.bytesDone !== null ? state.bytesTotal - state.bytesDone : null;
  return {
    contract: contractVersion,
    phase: around.draining ? 'Draining' : state.phase,
    percent: state.fraction === null ? null : Math.round(state.fraction * 1000) / 10,
    bytesDone: state.bytesDone,
    bytesTotal: state.bytesTotal,
    bytesPerSecond: bytesPerSecond === null ? null : Math.round(bytesPerSecond),
    etaSeconds: left !== null && bytesPerSecond !== null && bytesPerSecond > 0 ? Math.round((left / bytesPerSecond) * 10) / 10 : null,
    startedAt: new Date(state.startedAt).toISOString(),
    lastProgressAt: new Date(state.lastProgressAt).toISOString(),
    ...told(state),
    ...(state.before && { lastFailure: lastFailure(state.before) }),
    device: state.device,
    ...others,
    ...(kvCacheUsage !== undefined && { kvCacheUsage: Math.round(kvCacheUsage * 1000) / 1000 }),
  };
}

/** What is wrong, or was and may be again; else what the load does beside the numbers. */
function told({ reason, message, before, phase, bytesDone }: LoadState): Pick<AgentStatus, 'reason' | 'message'> {
  if (reason !== null || before === null) return { reason, message };
  const further = rung(phase) > rung(before.phase) || (phase === before.phase && (bytesDone ?? 0) > (before.bytesDone ?? 0));
  return phase === 'Ready' || further ? { reason, message } : { reason: before.reason, message: `${before.message} It is loading again.` };
}

function lastFailure({ reason, message, at }: Setback): AgentStatus['lastFailure'] {
  return { reason, message, at: new Date(at).toISOString() };
}
