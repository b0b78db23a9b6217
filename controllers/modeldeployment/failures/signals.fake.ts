import type { ContainerState } from 'kubernetes-types/core/v1.js';
import type { Node, Pod } from '../../../src/kube/index.ts';
import type { PodEvent } from '../pod-events.ts';
import { container, pod, t0 } from '../testing/makers.fake.ts';
import type { Signals } from './signals.ts';

/** Signals of an ordinary replica whose container runs, changed by what matters in the test. */
export function signals(fields: Partial<Signals> = {}): Signals {
  return { pod: pod(), probe: undefined, node: node(), event: undefined, noProgressTimeoutMs: 300_000, now: t0, ...fields };
}

export function node(ready: 'True' | 'False' | 'Unknown' = 'True', since = t0): Node {
  const message = ready === 'True' ? 'kubelet is posting ready status' : 'Kubelet stopped posting node status.';
  const reason = ready === 'True' ? 'KubeletReady' : 'NodeStatusUnknown';
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'node-1' },
    status: { conditions: [{ type: 'Ready', status: ready, reason, message, lastTransitionTime: new Date(since).toISOString() }] },
  };
}

/** A pod that has ended for good. */
export const ended = (reason: string, message: string) => pod('p', { status: { phase: 'Failed', reason, message } });

/** A pod that the scheduler finds no node for. */
export const unscheduled = (message: string, reason = 'Unschedulable'): Pod =>
  pod('p', {
    spec: { nodeName: '' },
    status: { phase: 'Pending', conditions: [{ type: 'PodScheduled', status: 'False', reason, message }] },
  });

/** A pod whose worker waits, for the first time or after an end. */
export const waiting = (reason: string, message = '', terminated?: ContainerState['terminated']): Pod =>
  pod('p', {
    status: {
      phase: 'Pending',
      podIP: '10.0.0.1',
      containerStatuses: [container({ waiting: { reason, message } }, terminated && { lastState: { terminated }, restartCount: 3 })],
    },
  });

/** A pod whose worker crashes again and again. */
export const crashed = (terminated: NonNullable<ContainerState['terminated']>) => waiting('CrashLoopBackOff', 'back-off 20s', terminated);

export const disrupted = (reason: string, message: string): Pod =>
  pod('p', {
    metadata: { deletionTimestamp: new Date(t0 + 30_000).toISOString() },
    status: { phase: 'Running', conditions: [{ type: 'DisruptionTarget', status: 'True', reason, message }] },
  });

export const event = (reason: PodEvent['reason'], message: string, at = t0): PodEvent => ({ reason, message, at });
