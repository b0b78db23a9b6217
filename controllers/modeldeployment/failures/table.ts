import { explained } from '../explain.ts';
import { agentRows, silenceRows, tells } from './agent-rows.ts';
import { exitRows, hasFailedEnd, isWaiting, killRows, startRows } from './container-rows.ts';
import { eventRows } from './event-rows.ts';
import { gatewayRows } from './gateway-rows.ts';
import { endRows, nodeRows, schedulingRows } from './pod-rows.ts';
import { type Row, sentences } from './row.ts';
import { conditionOf, hasEnded, isWedged, type Signals } from './signals.ts';

/** Rows that need not be looked at unless `given`. */
type Group = { readonly given: (signals: Signals) => boolean; readonly rows: readonly Row[] };

const endedSomehow: Row = {
  reason: 'EngineCrashed',
  from: 'pod',
  signal: 'pod phase Failed or Succeeded, anything else',
  when: ({ pod }) => {
    const { phase, reason, message } = pod.status ?? {};
    return hasEnded(pod) ? sentences(`The pod ended with phase ${phase}${reason ? ` (${reason})` : ''}`, message) : undefined;
  },
};

const groups: readonly Group[] = [
  { given: ({ pod }) => hasEnded(pod) || conditionOf(pod, 'DisruptionTarget') !== undefined, rows: endRows },
  { given: () => true, rows: nodeRows },
  { given: ({ pod }) => !pod.spec?.nodeName, rows: schedulingRows },
  { given: isWaiting, rows: startRows },
  { given: hasFailedEnd, rows: killRows },
  { given: ({ event }) => event !== undefined, rows: eventRows },
  { given: tells, rows: agentRows },
  { given: isWedged, rows: gatewayRows },
  { given: hasFailedEnd, rows: exitRows },
  { given: () => true, rows: [endedSomehow, ...silenceRows] },
];

/**
 * Every failure of a replica that has a reason, in order of precedence: what ends the pod outweighs what its node does, that what
 * the kubelet does with its containers, that what the agent said, that what gateways hear, that what an exit code tells, and that silence.
 */
export const failureTable: readonly Row[] = groups.flatMap(({ rows }) => rows);

/** What is wrong with a replica, with the remedy; undefined when nothing is. Pure. */
export function diagnose(signals: Signals): { readonly reason: string; readonly message: string } | undefined {
  for (const { given, rows } of groups) {
    if (!given(signals)) continue;
    for (const { reason, when } of rows) {
      const message = when(signals);
      if (message !== undefined) return explained(reason, message);
    }
  }
  return undefined;
}
