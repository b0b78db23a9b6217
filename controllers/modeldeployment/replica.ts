import { isReplicaDraining, isReplicaReady } from '../../src/api/replica.ts';
import { annotations, labels, protectionAnnotations } from '../../src/api/resources.ts';
import type { AgentStatus } from '../../src/core/agent-contract.ts';
import type { ReplicaPhase } from '../../src/core/phases.ts';
import { drainingSince } from './draining.ts';
import { isLost } from './failures/lost.ts';
import { agentOf, hasEnded, isWedged, type Signals, workerOf } from './failures/signals.ts';
import { diagnose } from './failures/table.ts';
import { ladderStanding } from './ladder.ts';
import type { Mishap } from './probe.ts';

/** One replica as the plan and the status see it. */
export type Replica = {
  readonly name: string;
  readonly uid: string;
  readonly node: string | undefined;
  readonly revision: string;
  readonly createdAt: number;
  readonly phase: ReplicaPhase;
  /** Of the whole way to Ready. */
  readonly percent: number;
  readonly restarts: number;
  readonly reason: string | undefined;
  readonly message: string | undefined;
  /** Seconds until Ready over the whole way; null when unknown, never invented. */
  readonly etaSeconds: number | null;
  /** Can serve: the kubelet found it ready, its agent does not deny it, and it is not on its way out. */
  readonly ready: boolean;
  /** On its way out, draining or being deleted: no longer a replica that counts. */
  readonly leaving: boolean;
  /** When it was marked to drain, milliseconds since the epoch; undefined while it is not. */
  readonly drainingSince: number | undefined;
  /** Its pod is being deleted. */
  readonly terminating: boolean;
  /** It is being deleted for longer than its grace allows, or its node is gone: nobody waits for it any more. */
  readonly lost: boolean;
  /** Carries the annotations that keep autoscalers from its node. */
  readonly protected: boolean;
  /** Of an older revision, made in the place of one that served while the new revision fails. */
  readonly restored: boolean;
  /** Its worker runs: not waiting to be started, and not ended. */
  readonly running: boolean;
  /** Its pod has ended for good (evicted, lost): it must be replaced. */
  readonly finished: boolean;
  /** Its engine hangs and does not notice itself: another replica is to take its place. */
  readonly wedged: boolean;
  readonly inFlight: number;
  readonly waiting: number;
  readonly agent: AgentStatus | undefined;
  /** What failed last and may be over: an engine that crashes is back within seconds. */
  readonly mishap?: Mishap | undefined;
};

/** Reads one replica from all that tells of it. Pure. */
export function readReplica(signals: Signals): Replica {
  const { pod, now } = signals;
  const worker = workerOf(pod);
  const leaving = isReplicaDraining(pod);
  const finished = !leaving && hasEnded(pod);
  const agent = agentOf(signals);
  // The kubelet asks every few seconds; the agent says itself when its engine died.
  const denies = agent !== undefined && agent.reason !== null && signals.probe?.problem === undefined;
  return {
    name: pod.metadata.name,
    uid: pod.metadata.uid ?? '',
    node: pod.spec?.nodeName,
    revision: pod.metadata.labels?.[labels.revision] ?? '',
    createdAt: Date.parse(pod.metadata.creationTimestamp ?? '') || now,
    restarts: worker?.restartCount ?? 0,
    ready: isReplicaReady(pod) && !finished && !denies && !isWedged(signals),
    wedged: isWedged(signals) && signals.onWedge === 'restart',
    leaving,
    drainingSince: drainingSince(pod),
    terminating: pod.metadata.deletionTimestamp !== undefined,
    lost: isLost(signals),
    protected: Object.keys(protectionAnnotations).some((name) => pod.metadata.annotations?.[name] !== undefined),
    restored: pod.metadata.annotations?.[annotations.restored] === 'true',
    running: worker?.state?.running !== undefined,
    finished,
    etaSeconds: agent?.etaSeconds ?? null,
    inFlight: agent?.inFlight ?? 0,
    waiting: agent?.waiting ?? 0,
    agent,
    mishap: signals.probe?.mishap,
    reason: undefined,
    message: undefined,
    ...ladderStanding(signals),
    ...diagnose(signals),
  };
}
