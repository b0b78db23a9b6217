import type { Pod } from '../../src/kube/index.ts';
import { elapsedMs, followed, type Timeline, takenTimes, toldTimes } from './load-timeline.ts';
import { etaOf, type Lesson, ladderOf, type PhaseTimes, unknownNodeClass } from './load-times.ts';
import { defaultLadder, isOnLadder, type Ladder, type LadderPhase, overallPercent, rankOf } from './progress.ts';
import type { Replica } from './replica.ts';
import { isBroken } from './tally.ts';

/** One life of a container: its timeline, and the ladder on which its percents are counted. */
type Life = { readonly timeline: Timeline; readonly ladder: Ladder; readonly settled: boolean };

/** What the replicas of a deployment are seen as. */
export type Loads = {
  readonly model: string;
  readonly replicas: readonly Replica[];
  /** Their pods, by UID. */
  readonly pods: ReadonlyMap<string, Pod>;
  /** Kind of each node, by name, where it is known. */
  readonly nodeClasses: ReadonlyMap<string, string>;
  /** What is known of earlier loads on this kind of node; undefined while there is no node yet. */
  readonly timesOn: (nodeClass: string | undefined) => PhaseTimes | undefined;
};

/** Remembers how far each replica was and since when, so that loads teach and what is left can be told. */
export class LoadMemory {
  private readonly lives = new Map<string, ReadonlyMap<string, Life>>();
  private readonly lessons = new Map<string, readonly Lesson[]>();

  /** The replicas with their percent and ETA over the whole way; `now` is in milliseconds. */
  look(key: string, loads: Loads, now: number): readonly Replica[] {
    const before = this.lives.get(key);
    const after = new Map<string, Life>();
    const told = loads.replicas.map((replica) => {
      if (replica.leaving || replica.finished) return { ...replica, etaSeconds: null };
      const classOf = replica.node === undefined ? undefined : (loads.nodeClasses.get(replica.node) ?? unknownNodeClass);
      const old = before?.get(replica.uid);
      const life = this.follow(old, replica, loads, classOf, now);
      after.set(replica.uid, life);
      if (hasLoaded(life) && old && !hasLoaded(old)) this.note(key, loads.model, classOf, life, now);
      return withProgress(replica, life, loads.timesOn(classOf), now);
    });
    if (after.size > 0) this.lives.set(key, after);
    else this.lives.delete(key);
    return told;
  }

  /** What was learned since `taught`. */
  lessonsOf(key: string): readonly Lesson[] {
    return this.lessons.get(key) ?? [];
  }

  /** What was learned of this deployment is stored. */
  taught(key: string): void {
    this.lessons.delete(key);
  }

  forget(key: string): void {
    this.lives.delete(key);
    this.lessons.delete(key);
  }

  private follow(old: Life | undefined, replica: Replica, loads: Loads, nodeClass: string | undefined, now: number): Life {
    const pod = loads.pods.get(replica.uid);
    const phase = rungOf(replica);
    const sighting = {
      phase: isBroken(replica) ? undefined : phase,
      troubled: replica.reason !== undefined || isBroken(replica),
      restarts: replica.restarts,
      told: pod ? toldTimes(pod) : {},
      now,
    };
    const timeline = followed(old?.timeline, sighting);
    const same = old && old.timeline.restarts === timeline.restarts;
    // The scale of a load stays; only while its node is not known it may yet change.
    if (same && old.settled) return { ...old, timeline };
    return { timeline, ladder: ladderOf(loads.timesOn(nodeClass)) ?? defaultLadder, settled: nodeClass !== undefined };
  }

  private note(key: string, model: string, nodeClass: string | undefined, { timeline }: Life, now: number): void {
    const times = takenTimes(timeline);
    if (Object.keys(times).length === 0) return;
    const lesson = { model, nodeClass: nodeClass ?? unknownNodeClass, times, at: now };
    this.lessons.set(key, [...this.lessonsOf(key), lesson]);
  }
}

function hasLoaded({ timeline }: Life): boolean {
  return timeline.entries.at(-1)?.phase === 'Ready';
}

/** The step of the ladder on which a replica is, or was when it stalled. */
function rungOf({ phase, agent, ready }: Replica): LadderPhase | undefined {
  const rung = phase === 'Stalled' && agent ? agent.phase : phase;
  if (!isOnLadder(rung)) return undefined;
  if (rung === 'Ready' && !ready) return 'WarmingUp'; // the kubelet decides who serves, whatever the agent says
  // An agent that has just started says Pending; its container runs for all that.
  return agent && rankOf(rung) < rankOf('Fetching') ? 'Fetching' : rung;
}

function withProgress(replica: Replica, { timeline, ladder }: Life, times: PhaseTimes | undefined, now: number): Replica {
  const { agent, ready, reason } = replica;
  const phase = rungOf(replica);
  if (phase === undefined) return { ...replica, etaSeconds: null };
  // An agent that is through lacks only the kubelet's word.
  const within = agent?.phase === 'Ready' ? 100 : agent?.phase === phase ? (agent.percent ?? 0) : 0;
  const percent = overallPercent(phase, within, ladder);
  if (ready) return { ...replica, percent, etaSeconds: 0 };
  if (isBroken(replica) || reason !== undefined) return { ...replica, percent, etaSeconds: null };
  const agentEtaSeconds = agent?.phase === phase ? agent.etaSeconds : null;
  return { ...replica, percent, etaSeconds: etaOf({ phase, elapsedMs: elapsedMs(timeline, now), agentEtaSeconds }, times) };
}
