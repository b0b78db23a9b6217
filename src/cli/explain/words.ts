import type { LoadTimes, ReplicaStatus } from '../../api/model-deployment.ts';
import { formatDuration } from '../../core/durations.ts';
import type { Behavior, ScalingPolicy, ScalingRules } from '../../local/autoscaler/behavior.ts';

/** `1 request`, `2 requests`. */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

/** A number with at most three digits after the point. */
export function decimal(number: number): string {
  return String(Number(number.toFixed(3)));
}

/** `LoadingWeights 73%, ready in about 41s`. */
export function loadingWords({ phase, percent, etaSeconds }: ReplicaStatus): string {
  const left = etaSeconds === undefined || etaSeconds === null ? 'time left not known' : `ready in about ${seconds(etaSeconds)}`;
  return `${phase} ${percent}%, ${left}`;
}

/** The one of these replicas that is ready first; of those without an ETA the one that is furthest. */
export function nextReady(loading: readonly ReplicaStatus[]): ReplicaStatus | undefined {
  const left = ({ etaSeconds }: ReplicaStatus) => etaSeconds ?? Number.POSITIVE_INFINITY;
  return [...loading].sort((a, b) => (left(a) === left(b) ? b.percent - a.percent : left(a) - left(b)))[0];
}

/** How long a load took where it was longest; undefined when none was measured. */
export function learnedLoadSeconds(learned: readonly LoadTimes[] = []): number | undefined {
  if (learned.length === 0) return undefined;
  const sums = learned.map(({ milliseconds }) => Object.values(milliseconds).reduce((sum, ms) => sum + ms, 0));
  return Math.max(...sums) / 1000;
}

/** `41s`, `3m10s`. */
export function seconds(number: number): string {
  return formatDuration(number * 1000);
}

/** When and how fast replicas come and go. */
export function behaviorWords({ scaleUp, scaleDown }: Behavior): { readonly up: string; readonly down: string } {
  return {
    up: rulesWords(scaleUp, 'fewer', ({ type, value }) => `${type === 'Percent' ? `+${value} %` : `+${value}`}`),
    down: rulesWords(scaleDown, 'more', ({ type, value }) => `${type === 'Percent' ? `-${value} %` : `-${value}`}`),
  };
}

function rulesWords(rules: ScalingRules, opposite: string, step: (policy: ScalingPolicy) => string): string {
  const { selectPolicy, stabilizationWindowSeconds: window, policies } = rules;
  if (selectPolicy === 'Disabled') return 'never (selectPolicy Disabled)';
  const when = window === 0 ? 'at once' : `when nothing has asked for ${opposite} for ${seconds(window)}`;
  const steps = policies.map((policy) => `${step(policy)} in ${seconds(policy.periodSeconds)}`).join(' or ');
  const choice = policies.length < 2 ? '' : selectPolicy === 'Max' ? ', whichever is more' : ', whichever is less';
  return `${when}: ${steps}${choice}`;
}
