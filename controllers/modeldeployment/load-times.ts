import { createHash } from 'node:crypto';
import type { LoadTimes, ModelDeployment, ModelDeploymentSpec } from '../../src/api/model-deployment.ts';
import { phaseLadder } from '../../src/core/phases.ts';
import { timestamp } from '../../src/kube/index.ts';
import { type Ladder, type LadderPhase, rankOf, weightedLadder } from './progress.ts';

type TimedPhase = keyof LoadTimes['milliseconds'];

/** How long phases took, in milliseconds; only those that were watched from begin to end. */
export type PhaseTimes = { readonly [phase in TimedPhase]?: number };

/** What one finished load teaches. */
export type Lesson = {
  readonly model: string;
  readonly nodeClass: string;
  readonly times: PhaseTimes;
  /** When it ended; milliseconds since the epoch. */
  readonly at: number;
};

/** Where a replica is in its load. */
export type Whereabouts = {
  readonly phase: LadderPhase;
  /** Since the phase began; undefined when nobody saw it begin. */
  readonly elapsedMs: number | undefined;
  /** What the agent expects for the rest of this phase; null when it does not know. */
  readonly agentEtaSeconds: number | null;
};

/** The class of nodes that do not tell theirs. */
export const unknownNodeClass = 'unknown';

/** Name of the index of deployments by the models whose load times they keep. */
export const byLearnedModel = 'learned model';

const maxClasses = 8;
/** How much the newest load counts once there are several. */
const newestCounts = 0.3;
/** Agents are asked once a second: a phase may have begun so much later than it seems. */
const resolutionMs = 1_000;
/** No two loads take the same time: a phase is overdue once that makes a difference to the whole. */
const toleratedShare = 0.1;

export function learnedModels({ status }: ModelDeployment): readonly string[] {
  return status?.loadTimes?.map(({ model }) => model) ?? [];
}

/** A name for what decides how long a load takes, beside the node: the files, and the engine that reads them. */
export function modelIdentity({ model, engine }: ModelDeploymentSpec): string {
  const files = [...(model.files ?? [])].sort();
  const what = JSON.stringify([model.source, files, engine?.type ?? 'Worker', engine?.device ?? 'Auto']);
  return createHash('sha256').update(what).digest('hex').slice(0, 16);
}

/** The load times with a lesson taken in. Another model on the same kind of node is forgotten; so is the oldest of too many. */
export function learn(known: readonly LoadTimes[], lesson: Lesson): LoadTimes[] {
  const before = known.find(({ nodeClass, model }) => nodeClass === lesson.nodeClass && model === lesson.model);
  const loads = (before?.loads ?? 0) + 1;
  const weight = Math.max(newestCounts, 1 / loads);
  const milliseconds: Record<string, number> = { ...before?.milliseconds };
  for (const [phase, took] of Object.entries(lesson.times)) {
    const old = milliseconds[phase];
    milliseconds[phase] = Math.round(old === undefined ? took : old + (took - old) * weight);
  }
  const { nodeClass, model } = lesson;
  const entry: LoadTimes = { nodeClass, model, loads, learnedAt: timestamp(lesson.at), milliseconds };
  const others = known.filter((other) => other.nodeClass !== nodeClass);
  return [entry, ...others]
    .sort((a, b) => Date.parse(b.learnedAt) - Date.parse(a.learnedAt))
    .slice(0, maxClasses)
    .sort((a, b) => (a.nodeClass < b.nodeClass ? -1 : 1));
}

/**
 * The newest times of this model on this kind of node. While the node is not known (undefined), those of the only kind that
 * ever loaded it; of several none, because it could be any.
 */
export function timesFor(known: readonly LoadTimes[], model: string, nodeClass: string | undefined): PhaseTimes | undefined {
  const fitting = known.filter((times) => times.model === model && (nodeClass === undefined || times.nodeClass === nodeClass));
  if (new Set(fitting.map((times) => times.nodeClass)).size > 1) return undefined;
  const [newest] = fitting.sort((a, b) => Date.parse(b.learnedAt) - Date.parse(a.learnedAt));
  return newest?.milliseconds;
}

/**
 * Seconds until Ready; null when a part of them is not known, or when this phase takes clearly longer than it did: never invented.
 * Once the agent knows when the weights are read, that is the answer of a first load: what follows is a moment beside it.
 */
export function etaOf({ phase, elapsedMs, agentEtaSeconds }: Whereabouts, times: PhaseTimes = {}): number | null {
  const current = agentEtaSeconds === null ? left(phase, elapsedMs, times) : agentEtaSeconds * 1000;
  const unlearned = phase === 'LoadingWeights' && agentEtaSeconds !== null ? 0 : undefined;
  const later = phaseLadder.slice(rankOf(phase) + 1).map((next) => tookOf(next, times) ?? unlearned);
  const parts = [current, ...later];
  return parts.every((ms) => ms !== undefined) ? parts.reduce((sum, ms) => sum + ms, 0) / 1000 : null;
}

function left(phase: LadderPhase, elapsedMs: number | undefined, times: PhaseTimes): number | undefined {
  const took = tookOf(phase, times);
  if (took === undefined || phase === 'Pending' || phase === 'Ready') return took;
  if (elapsedMs === undefined || elapsedMs > took + toleratedMs(times)) return undefined;
  return Math.max(0, took - elapsedMs);
}

function toleratedMs(times: PhaseTimes): number {
  const whole = Object.values(times).reduce((sum, ms) => sum + ms, 0);
  return Math.max(resolutionMs, whole * toleratedShare);
}

/** A scheduler that has a node needs no time for it; one that has none says so, and then there is no ETA at all. */
function tookOf(phase: LadderPhase, times: PhaseTimes): number | undefined {
  return phase === 'Pending' || phase === 'Ready' ? 0 : times[phase];
}

/** The ladder that these times make, when all of them are known. */
export function ladderOf(times: PhaseTimes | undefined): Ladder | undefined {
  if (!times || phaseLadder.some((phase) => tookOf(phase, times) === undefined)) return undefined;
  return weightedLadder((phase) => tookOf(phase, times) ?? 0);
}
