import { type FailureReason, isFailureReason, reasons } from '../../../src/core/reasons.ts';
import { howItEnded } from './container-rows.ts';
import { type Row, sentences } from './row.ts';
import { agentOf, isLeaving, isTrue, longerThan, type Signals, sinceOf, workerOf } from './signals.ts';
import { stallOf } from './stall.ts';

/** What the agent says is wrong, or said before its container ended. */
function told(signals: Signals): { readonly reason: string; readonly message: string } | undefined {
  const agent = agentOf(signals);
  if (agent) return agent.reason === null ? undefined : { reason: agent.reason, message: agent.message ?? '' };
  return howItEnded(signals) === undefined ? undefined : signals.probe?.lastFailure;
}

/** Whether an agent has said what is wrong. */
export function tells(signals: Signals): boolean {
  return told(signals) !== undefined;
}

/** One row for each reason of the catalogue, for an agent may say any; and one for those of a newer agent. */
export const agentRows: readonly Row[] = [
  ...(Object.keys(reasons) as FailureReason[]).map(
    (reason): Row => ({
      reason,
      from: 'agent',
      signal: `reason ${reason} in /status`,
      when: (signals) => {
        const failure = told(signals);
        return failure?.reason === reason ? sentences(howItEnded(signals), failure.message || 'The agent does not say more') : undefined;
      },
    }),
  ),
  {
    reason: 'EngineCrashed',
    from: 'agent',
    signal: 'another reason in /status',
    when: (signals) => {
      const failure = told(signals);
      return failure && !isFailureReason(failure.reason)
        ? sentences(howItEnded(signals), `${failure.reason}: ${failure.message}`)
        : undefined;
    },
  },
];

/** What is wrong when nobody says that anything is. */
export const silenceRows: readonly Row[] = [
  {
    reason: 'AgentUnreachable',
    from: 'agent',
    signal: 'no answer, or none that can be read, for noProgressTimeout',
    when: stalled('unreachable'),
  },
  {
    reason: 'NoProgress',
    from: 'agent',
    signal: 'no progress in /status for noProgressTimeout',
    when: stalled('noProgress'),
  },
  {
    reason: 'SandboxFailed',
    from: 'pod',
    signal: 'no volumes or network for noProgressTimeout, and no event',
    when: (signals) => {
      const { pod, noProgressTimeoutMs, now } = signals;
      const { nodeName } = pod.spec ?? {};
      const state = workerOf(pod)?.state;
      if (!nodeName || state?.running || state?.terminated || isTrue(pod, 'PodReadyToStartContainers') || isLeaving(signals))
        return undefined;
      const waitedMs = now - sinceOf(pod, 'PodScheduled');
      if (!(waitedMs >= noProgressTimeoutMs)) return undefined; // NaN where it is not told
      return (
        `The volumes and the network of the pod have not been set up for ${longerThan(waitedMs, noProgressTimeoutMs)}: ` +
        `its events say why (kubectl describe pod ${pod.metadata.name} -n ${pod.metadata.namespace}).`
      );
    },
  },
];

function stalled(kind: 'noProgress' | 'unreachable'): Row['when'] {
  return (signals) => {
    const stall = stallOf(signals);
    return stall?.kind === kind ? stall.message : undefined;
  };
}
