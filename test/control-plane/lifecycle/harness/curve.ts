import type { AgentStatus } from '../../../../src/core/agent-contract.ts';
import type { ReplicaPhase } from '../../../../src/core/phases.ts';

/** What an agent tells of its load; the rest of its answer follows from it. */
export type Told = Pick<AgentStatus, 'phase' | 'percent'> &
  Partial<Pick<AgentStatus, 'bytesDone' | 'bytesTotal' | 'bytesPerSecond' | 'etaSeconds' | 'reason' | 'message' | 'device'>>;

type Step = { readonly ms: number; tell(share: number, leftMs: number): Told };

/** A load as a list of steps, one after the other; the last one lasts for ever. */
export type Curve = readonly Step[];

const modelBytes = 4_000_000_000;

/** Goes through a phase at even speed, from one percent to another, in so many milliseconds. */
export function through(phase: ReplicaPhase, ms: number, from = 0, to = 100): Step {
  return {
    ms,
    tell: (share, leftMs) => {
      const percent = Math.round((from + (to - from) * share) * 10) / 10;
      const bytesPerSecond = Math.round((modelBytes * (to - from)) / 100 / (ms / 1000));
      const bytes =
        phase === 'Fetching' || phase === 'LoadingWeights'
          ? { bytesDone: Math.round((modelBytes * percent) / 100), bytesTotal: modelBytes, bytesPerSecond, etaSeconds: leftMs / 1000 }
          : {};
      return { phase, percent, ...bytes };
    },
  };
}

/** Stays at one percent of a phase, and says nothing of the time left. */
export function holds(phase: ReplicaPhase, percent: number, ms = Number.POSITIVE_INFINITY): Step {
  return { ms, tell: () => ({ phase, percent }) };
}

const ready: Step = { ms: Number.POSITIVE_INFINITY, tell: () => ({ phase: 'Ready', percent: 100, device: 'CPU' }) };

/** The whole way to Ready in about so many milliseconds. */
export function load(ms: number): Curve {
  return [
    through('Fetching', ms * 0.4),
    through('Verifying', ms * 0.1),
    through('LoadingWeights', ms * 0.4),
    through('WarmingUp', ms * 0.1),
    ready,
  ];
}

/** Ready as soon as it is asked. */
export const warm: Curve = [ready];

/** Loads in so many milliseconds as far as `percent` of LoadingWeights, and no further. */
export function stallsAt(percent: number, ms: number): Curve {
  return [through('Fetching', ms / 2), through('LoadingWeights', ms / 2, 0, percent), holds('LoadingWeights', percent)];
}

/** Fails as the worker does: the agent stays and tells why. */
export function failsWith(reason: string, message: string): Curve {
  return [{ ms: Number.POSITIVE_INFINITY, tell: () => ({ phase: 'Failed', percent: 30, reason, message }) }];
}

/** What a curve tells after so many milliseconds. */
export function tell(curve: Curve, elapsedMs: number): Told {
  let before = 0;
  for (const [index, step] of curve.entries()) {
    if (elapsedMs < before + step.ms || index === curve.length - 1) {
      const share = Number.isFinite(step.ms) ? Math.min(1, (elapsedMs - before) / step.ms) : 1;
      return step.tell(share, Math.max(0, before + step.ms - elapsedMs));
    }
    before += step.ms;
  }
  throw new RangeError('a curve needs a step');
}
