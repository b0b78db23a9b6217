import { explained } from '../explain.ts';
import { agentRows, silenceRows } from './agent-rows.ts';
import { exitRows, killRows, startRows } from './container-rows.ts';
import { eventRows } from './event-rows.ts';
import { endRows, nodeRows, schedulingRows } from './pod-rows.ts';
import { type Row, sentences } from './row.ts';
import { hasEnded, onNode, type Signals } from './signals.ts';

/**
 * Every failure of a replica that has a reason, in order of precedence: what ends the pod outweighs what its node does, that what
 * the kubelet does with its containers, that what the agent said, that what an exit code tells, and that silence.
 */
export const failureTable: readonly Row[] = [
  ...endRows,
  ...nodeRows,
  ...schedulingRows,
  ...startRows,
  ...killRows,
  ...eventRows,
  ...agentRows,
  ...exitRows,
  {
    reason: 'EngineCrashed',
    from: 'pod',
    signal: 'pod phase Failed or Succeeded, anything else',
    when: ({ pod }) => {
      const { phase, reason, message } = pod.status ?? {};
      return hasEnded(pod)
        ? sentences(`The pod ended with phase ${phase}${onNode(pod)}${reason ? ` (${reason})` : ''}`, message)
        : undefined;
    },
  },
  ...silenceRows,
];

/** What is wrong with a replica, with the remedy; undefined when nothing is. Pure. */
export function diagnose(signals: Signals): { readonly reason: string; readonly message: string } | undefined {
  for (const { reason, when } of failureTable) {
    const message = when(signals);
    if (message !== undefined) return explained(reason, message);
  }
  return undefined;
}
