import { phaseLadder } from '../../src/core/phases.ts';
import type { Pod } from '../../src/kube/index.ts';
import { workerOf } from './failures/signals.ts';
import type { PhaseTimes } from './load-times.ts';
import { type LadderPhase, rankOf } from './progress.ts';

/** The first phase that an agent tells of. */
const agentsFirst = rankOf('Fetching');
/** An agent that is heard so soon after its container began has not missed to tell much. */
const soonMs = 3_000;

type Entry = {
  readonly phase: LadderPhase;
  /** Milliseconds since the epoch; undefined when nobody saw it. */
  readonly at: number | undefined;
  /** Something went wrong in it, so that its length says nothing about the next load. */
  readonly troubled: boolean;
};

/** When one life of a container entered its phases, in order. */
export type Timeline = { readonly restarts: number; readonly entries: readonly Entry[] };

/** A replica at an instant. */
export type Sighting = {
  /** Undefined beside the ladder: it failed or stalls. */
  readonly phase: LadderPhase | undefined;
  readonly troubled: boolean;
  readonly restarts: number;
  /** When phases began, as far as the pod tells. */
  readonly told: ToldTimes;
  readonly now: number;
};

type ToldTimes = { readonly [phase in LadderPhase]?: number };

/** When the phases before the agent's began, in milliseconds, as scheduler and kubelet tell it. */
export function toldTimes(pod: Pod): ToldTimes {
  const { metadata, status } = pod;
  const container = workerOf(pod);
  const since = (type: string) => status?.conditions?.find((condition) => condition.type === type && condition.status === 'True');
  const first = (container?.restartCount ?? 0) === 0;
  const texts = {
    // A container that starts again was scheduled and pulled long ago.
    Pending: first ? metadata.creationTimestamp : undefined,
    Scheduled: first ? since('PodScheduled')?.lastTransitionTime : undefined,
    PullingImage: first ? since('PodReadyToStartContainers')?.lastTransitionTime : undefined,
    Fetching: container?.state?.running?.startedAt,
  };
  return Object.fromEntries(
    Object.entries(texts).flatMap(([phase, text]) => {
      const at = Date.parse(text ?? '');
      return Number.isNaN(at) ? [] : [[phase, at]];
    }),
  );
}

/** The timeline with one more sighting; the very same when it tells nothing new. A container that starts anew begins a new one. */
export function followed(before: Timeline | undefined, sighting: Sighting): Timeline {
  if (!before || before.restarts !== sighting.restarts) return begun(sighting);
  const last = before.entries.at(-1);
  const { phase, troubled } = sighting;
  if (phase === undefined || phase === last?.phase) return troubled ? withTrouble(before) : before;
  // The way back is a load that begins again in the same container.
  if (!last || rankOf(phase) < rankOf(last.phase)) return begun({ ...sighting, told: { [phase]: sighting.now } });
  return { ...before, entries: [...before.entries, ...climbed(last, phase, sighting)] };
}

/** The phases from one sighting to the next: those between that the pod tells of, and the one that is seen. */
function climbed(last: Entry, phase: LadderPhase, sighting: Sighting): Entry[] {
  const late = isLate(last.phase, sighting);
  const entries: Entry[] = [];
  for (const rung of phaseLadder.slice(rankOf(last.phase) + 1, rankOf(phase) + 1)) {
    const seen = rung === phase;
    const at = sighting.told[rung] ?? (seen && !late ? sighting.now : undefined);
    if (at !== undefined || seen)
      entries.push(entered(rung, at, { ...sighting, troubled: seen && sighting.troubled }, (entries.at(-1) ?? last).at));
  }
  return entries;
}

/** Whether an agent was heard for the first time so long after its container began that nobody knows what it did meanwhile. */
function isLate(before: LadderPhase, { phase, told, now }: Sighting): boolean {
  const silent = rankOf(before) < agentsFirst && phase !== undefined && rankOf(phase) > agentsFirst;
  return silent && !(now - (told.Fetching ?? 0) <= soonMs);
}

/** The phases that were watched from begin to end, and took place without trouble. A phase that was passed over took no time. */
export function takenTimes({ entries }: Timeline): PhaseTimes {
  const times: { [phase in LadderPhase]?: number } = {};
  entries.forEach((entry, index) => {
    const next = entries[index + 1];
    if (entry.at === undefined || next?.at === undefined || entry.troubled) return;
    for (const passed of phaseLadder.slice(rankOf(entry.phase) + 1, rankOf(next.phase))) times[passed] = 0;
    times[entry.phase] = next.at - entry.at;
  });
  const { Pending, Ready, ...taught } = times;
  return taught;
}

/** The present phase and how long it lasts; undefined when its begin was not seen. */
export function elapsedMs({ entries }: Timeline, now: number): number | undefined {
  const at = entries.at(-1)?.at;
  return at === undefined ? undefined : Math.max(0, now - at);
}

function begun(sighting: Sighting): Timeline {
  const { phase, told, restarts } = sighting;
  if (phase === undefined) return { restarts, entries: [] };
  const entries: Entry[] = [];
  for (const rung of phaseLadder.slice(0, rankOf(phase) + 1)) {
    const at = told[rung];
    if (at !== undefined || rung === phase) entries.push(entered(rung, at, sighting, entries.at(-1)?.at));
  }
  return { restarts, entries };
}

/** Clocks differ: nothing begins before what came before it, nor in the future. */
function entered(phase: LadderPhase, at: number | undefined, { troubled, now }: Sighting, notBefore = 0): Entry {
  return { phase, at: at === undefined ? undefined : Math.min(now, Math.max(at, notBefore)), troubled };
}

function withTrouble(timeline: Timeline): Timeline {
  const last = timeline.entries.at(-1);
  if (!last || last.troubled) return timeline;
  return { ...timeline, entries: [...timeline.entries.slice(0, -1), { ...last, troubled: true }] };
}
