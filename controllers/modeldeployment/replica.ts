import { isReplicaDraining, isReplicaReady } from '../../src/api/replica.ts';
import { annotations, labels, protectionAnnotations } from '../../src/api/resources.ts';
import type { AgentStatus } from '../../src/core/agent-contract.ts';
import { formatDuration } from '../../src/core/durations.ts';
import type { ReplicaPhase } from '../../src/core/phases.ts';
import type { Pod } from '../../src/kube/index.ts';
import { explained } from './explain.ts';
import { kubeletStanding } from './kubelet-standing.ts';
import { isOnLadder } from './progress.ts';
import { at, type Standing } from './standing.ts';

/** What the prober knows of a replica's agent. */
export type Probe = {
  /** Its last answer since the container started. */
  readonly status?: AgentStatus;
  /** When that answer last got further, by our own clock; milliseconds since the epoch. */
  readonly progressedAt?: number;
  /** The last failure that it told, also of containers before this one: the last words. */
  readonly lastFailure?: { readonly reason: string; readonly message: string };
};

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
  /** Can serve: the kubelet found it ready and it is not on its way out. */
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
  /** Its worker runs: not waiting to be started, and not ended. */
  readonly running: boolean;
  /** Its pod has ended for good (evicted, lost): it must be replaced. */
  readonly finished: boolean;
  readonly inFlight: number;
  readonly waiting: number;
  readonly agent: AgentStatus | undefined;
};

/** Reads one replica from its pod and what its agent told. Pure; instants in milliseconds. */
export function readReplica(pod: Pod, probe: Probe | undefined, noProgressTimeoutMs: number, now: number): Replica {
  const container = pod.status?.containerStatuses?.[0];
  const leaving = isReplicaDraining(pod);
  const finished = !leaving && (pod.status?.phase === 'Failed' || pod.status?.phase === 'Succeeded');
  const agent = container?.state?.running ? probe?.status : undefined;
  const standing = standingOf(pod, probe, agent, noProgressTimeoutMs, now);
  return {
    name: pod.metadata.name,
    uid: pod.metadata.uid ?? '',
    node: pod.spec?.nodeName,
    revision: pod.metadata.labels?.[labels.revision] ?? '',
    createdAt: Date.parse(pod.metadata.creationTimestamp ?? '') || now,
    restarts: container?.restartCount ?? 0,
    ready: isReplicaReady(pod) && !finished,
    leaving,
    drainingSince: drainingSince(pod),
    terminating: pod.metadata.deletionTimestamp !== undefined,
    lost: false,
    protected: Object.keys(protectionAnnotations).some((name) => pod.metadata.annotations?.[name] !== undefined),
    running: container?.state?.running !== undefined,
    finished,
    etaSeconds: agent?.etaSeconds ?? null,
    inFlight: agent?.inFlight ?? 0,
    waiting: agent?.waiting ?? 0,
    agent,
    reason: undefined,
    message: undefined,
    ...standing,
  };
}

function standingOf(
  pod: Pod,
  probe: Probe | undefined,
  agent: AgentStatus | undefined,
  noProgressTimeoutMs: number,
  now: number,
): Standing {
  if (isReplicaDraining(pod)) return { phase: 'Draining', percent: 0 };
  if (pod.status?.phase === 'Failed' || pod.status?.phase === 'Succeeded') return finishedStanding(pod);
  if (agent) return agentStanding(pod, agent, now - (probe?.progressedAt ?? now), noProgressTimeoutMs);
  if (isReplicaReady(pod)) return at('Ready');
  return kubeletStanding(pod, probe?.lastFailure, noProgressTimeoutMs, now);
}

function drainingSince({ metadata: { annotations: told } }: Pod): number | undefined {
  return told?.[annotations.draining] === 'true' ? Date.parse(told[annotations.drainingSince] ?? '') || 0 : undefined;
}

function finishedStanding(pod: Pod): Standing {
  const { reason = 'EngineCrashed', message = `The pod ended with phase ${pod.status?.phase}.` } = pod.status ?? {};
  return { phase: 'Failed', percent: 0, ...explained(reason, message) };
}

function agentStanding(pod: Pod, agent: AgentStatus, silentMs: number, noProgressTimeoutMs: number): Standing {
  const told = agent.reason === null ? remark(agent) : explained(agent.reason, agent.message ?? '');
  if (agent.phase === 'Ready') return isReplicaReady(pod) ? { ...at('Ready'), ...told } : { ...at('WarmingUp', 100), ...told };
  if (!isOnLadder(agent.phase)) return { phase: agent.phase, percent: 0, ...told };
  if (silentMs < noProgressTimeoutMs) return { ...at(agent.phase, agent.percent), ...told };
  const message = `No progress in phase ${agent.phase} for ${formatDuration(silentMs)}.`;
  return { phase: 'Stalled', percent: at(agent.phase, agent.percent).percent, ...explained('NoProgress', message) };
}

/** What a replica does that is no failure, such as waiting for another's download. */
function remark({ message }: AgentStatus): Pick<Standing, 'message'> {
  return message === null ? {} : { message };
}
