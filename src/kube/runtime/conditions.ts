import { timestamp } from '../time.ts';

/** One `metav1.Condition`. */
export type Condition = {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
  readonly lastTransitionTime: string;
  readonly observedGeneration?: number;
};

// metav1.Condition: message has maxLength 32768; a longer one would fail the whole status write.
const maxMessageLength = 32_768;

/**
 * The conditions with this one in place; the very same array when nothing changes, so that callers can skip a write.
 * `now` is in milliseconds. API conventions: lastTransitionTime moves only when status does.
 */
export function setCondition(
  conditions: readonly Condition[] | undefined,
  next: Omit<Condition, 'lastTransitionTime'>,
  now: number,
): readonly Condition[] {
  const existing = conditions ?? [];
  const message = next.message.length > maxMessageLength ? `${next.message.slice(0, maxMessageLength - 1)}…` : next.message;
  const old = existing.find((condition) => condition.type === next.type);
  if (!old) return [...existing, { ...next, message, lastTransitionTime: timestamp(now) }];
  const same =
    old.status === next.status &&
    old.reason === next.reason &&
    old.message === message &&
    old.observedGeneration === next.observedGeneration;
  if (same) return existing;
  const lastTransitionTime = old.status === next.status ? old.lastTransitionTime : timestamp(now);
  const updated: Condition = { ...next, message, lastTransitionTime };
  return existing.map((condition) => (condition === old ? updated : condition));
}

export function findCondition<C extends { readonly type: string }>(conditions: readonly C[] | undefined, type: string): C | undefined {
  return conditions?.find((condition) => condition.type === type);
}

export function isConditionTrue(
  conditions: readonly { readonly type: string; readonly status: string }[] | undefined,
  type: string,
): boolean {
  return findCondition(conditions, type)?.status === 'True';
}
