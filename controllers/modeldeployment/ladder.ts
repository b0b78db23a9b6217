import { isReplicaReady } from '../../src/api/replica.ts';
import type { AgentStatus } from '../../src/core/agent-contract.ts';
import type { Pod } from '../../src/kube/index.ts';
import {
  agentOf,
  endOf,
  hasEnded,
  isAway,
  isCleanEnd,
  isLeaving,
  isTrue,
  isWedged,
  longerThan,
  type Signals,
  sinceOf,
  workerOf,
} from './failures/signals.ts';
import { stallOf } from './failures/stall.ts';
import { isOnLadder } from './progress.ts';
import { at, type Standing } from './standing.ts';

/** Where a replica stands on its way, and what it says beside; what is wrong with it is another question (`failures/`). Pure. */
export function ladderStanding(signals: Signals): Standing {
  const { pod } = signals;
  if (isLeaving(signals)) return { phase: 'Draining', percent: 0 };
  if (hasEnded(pod) || isAway(signals)) return { phase: 'Failed', percent: 0 };
  if (isWedged(signals)) return { phase: 'Failed', percent: 0 };
  const agent = agentOf(signals);
  // What an agent said that answers us no more is older than what the kubelet sees.
  if (isReplicaReady(pod) && (!agent || signals.probe?.problem !== undefined)) return at('Ready');
  if (!agent) return beforeAgent(signals);
  const told = agent.message === null ? {} : { message: agent.message };
  const { phase, percent } = agentStanding(pod, agent);
  return stallOf(signals) ? { phase: 'Stalled', percent } : { phase, percent, ...told };
}

function agentStanding(pod: Pod, { phase, percent }: AgentStatus): Standing {
  // The kubelet decides who serves, whatever the agent says.
  if (phase === 'Ready') return isReplicaReady(pod) ? at('Ready') : at('WarmingUp', 100);
  if (!isOnLadder(phase)) return { phase, percent: 0 };
  // It runs: so what comes before is over, even if it has not found out yet what to fetch.
  return kubeletPhases.has(phase) ? at('Fetching') : at(phase, percent);
}

const kubeletPhases: ReadonlySet<string> = new Set(['Pending', 'Scheduled', 'PullingImage']);

/** What the scheduler and the kubelet show before the agent answers, and after it died. */
function beforeAgent(signals: Signals): Standing {
  const { pod } = signals;
  const worker = workerOf(pod);
  const state = worker?.state;
  if (state?.running) return stallOf(signals) ? { ...at('Fetching'), phase: 'Stalled' } : at('Fetching');
  if (/image/i.test(state?.waiting?.reason ?? '')) return at('PullingImage');
  const end = worker && endOf(worker);
  if (end) return isCleanEnd(worker, end) ? at('Scheduled') : { phase: 'Failed', percent: 0 };
  if (!pod.spec?.nodeName) return at('Pending');
  return isTrue(pod, 'PodReadyToStartContainers') && isCreated(state?.waiting?.reason) ? pulling(signals) : at('Scheduled');
}

/** The kubelet tells of no more than that it creates the container: then it pulls the image. */
function isCreated(reason: string | undefined): boolean {
  return reason === undefined || reason === 'ContainerCreating' || reason === 'PodInitializing';
}

/** A large image takes its time: that is no failure, and no other pod would be faster. */
function pulling(signals: Signals): Standing {
  const { pod, noProgressTimeoutMs, now } = signals;
  const pulledMs = now - sinceOf(pod, 'PodReadyToStartContainers');
  if (!(pulledMs >= noProgressTimeoutMs)) return at('PullingImage'); // NaN where it is not told
  const node = pod.spec?.nodeName;
  return { ...at('PullingImage'), message: `Node ${node} has been pulling the image for ${longerThan(pulledMs, noProgressTimeoutMs)}.` };
}
