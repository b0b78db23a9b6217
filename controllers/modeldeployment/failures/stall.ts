import { isReplicaReady } from '../../../src/api/replica.ts';
import { isOnLadder } from '../progress.ts';
import { agentOf, hasEnded, isLeaving, longerThan, type Signals, sinceOf, workerOf } from './signals.ts';

/** How the worker stands still although its container runs. */
export type Stall = { readonly kind: 'noProgress' | 'unreachable'; readonly message: string };

/**
 * Whether a replica whose container runs has not got further for noProgressTimeout, whatever the load takes in all.
 * Before the container runs another pod would wait for the same: that is never a stall.
 */
export function stallOf(signals: Signals): Stall | undefined {
  const { pod } = signals;
  if (isLeaving(signals) || hasEnded(pod) || isReplicaReady(pod) || !workerOf(pod)?.state?.running) return undefined;
  return unreachable(signals) ?? withoutProgress(signals);
}

/** Its agent has answered nothing, or nothing that can be read. */
function unreachable({ pod, probe, noProgressTimeoutMs, now }: Signals): Stall | undefined {
  const silentMs = now - (probe?.answeredAt ?? probe?.askedSince ?? now);
  if (!(silentMs >= noProgressTimeoutMs)) return undefined;
  const what = probe?.answeredAt === undefined ? 'has never answered' : 'has not answered';
  const seen = workerOf(pod)?.started === true ? ' The kubelet does reach it.' : '';
  const why = probe?.problem === undefined ? '' : `: ${probe.problem}`;
  return {
    kind: 'unreachable',
    message: `The agent at ${pod.status?.podIP} ${what} for ${longerThan(silentMs, noProgressTimeoutMs)}${why}.${seen}`,
  };
}

function withoutProgress(signals: Signals): Stall | undefined {
  const { pod, probe, noProgressTimeoutMs, now } = signals;
  const agent = agentOf(signals);
  if (!agent || agent.phase === 'Failed') return undefined;
  const since = isOnLadder(agent.phase) ? probe?.progressedAt : probe?.phaseSince;
  const unready = agent.phase === 'Ready' ? sinceOf(pod, 'Ready') || 0 : 0;
  const silentMs = now - Math.max(since ?? now, unready);
  if (!(silentMs >= noProgressTimeoutMs)) return undefined;
  const time = longerThan(silentMs, noProgressTimeoutMs);
  const last = agent.message ? ` It said last: ${agent.message}` : '';
  if (agent.phase === 'Ready')
    return noProgress(`The agent says that the model is loaded, but the kubelet has not found the pod ready for ${time}.`);
  if (!isOnLadder(agent.phase)) return noProgress(`The worker has been ${agent.phase} for ${time} though nobody asked it to.${last}`);
  const percent = agent.percent === null ? '' : ` at ${Math.floor(agent.percent)} %`;
  const lie = probe?.wentBack ? ` Its progress went back ${probe.wentBack} times, which no longer counts.` : '';
  return noProgress(`No progress in phase ${agent.phase}${percent} for ${time}.${lie}${last}`);
}

function noProgress(message: string): Stall {
  return { kind: 'noProgress', message };
}
