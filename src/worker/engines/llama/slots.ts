/** A sequence of the context and what its KV cache holds. */
export type Slot = { readonly id: number; readonly cached: readonly number[]; readonly busy: boolean; readonly lastUsedAt: number };

export type Choice = { readonly id: number /** Leading tokens of the prompt that need not be computed again. */; readonly reuse: number };

/**
 * Chooses a free slot for a prompt: the one that shares the longest beginning with it, if that is most of the prompt or most of the slot;
 * else the empty or least recently used one, so that a common system prompt does not make requests push a long conversation out of its slot.
 * The last token of a prompt is always computed: sampling needs its logits. Undefined when no slot is free.
 */
export function chooseSlot(slots: readonly Slot[], prompt: readonly number[]): Choice | undefined {
  const free = slots
    .filter((slot) => !slot.busy)
    .map((slot) => ({ slot, shared: commonPrefix(slot.cached, prompt) }))
    .sort((a, b) => b.shared - a.shared || a.slot.lastUsedAt - b.slot.lastUsedAt);
  const best = free[0];
  if (!best) return undefined;
  const worthIt = best.shared * 2 >= prompt.length || best.shared * 2 >= best.slot.cached.length;
  const chosen = worthIt ? best : oldest(free);
  return { id: chosen.slot.id, reuse: Math.min(chosen.shared, Math.max(0, prompt.length - 1)) };
}

function oldest<T extends { readonly slot: Slot }>(free: readonly T[]): T {
  return free.reduce((found, next) => {
    const emptier = Number(next.slot.cached.length === 0) - Number(found.slot.cached.length === 0);
    return emptier > 0 || (emptier === 0 && next.slot.lastUsedAt < found.slot.lastUsedAt) ? next : found;
  });
}

function commonPrefix(a: readonly number[], b: readonly number[]): number {
  const limit = Math.min(a.length, b.length);
  let length = 0;
  while (length < limit && a[length] === b[length]) length += 1;
  return length;
}
