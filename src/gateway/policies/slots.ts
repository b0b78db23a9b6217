/** Which of the gateways this one is, in an order that all of them see alike. */
export type Rank = { readonly rank: number; readonly gateways: number };

/** The rank of a gateway that knows of no other. */
export const alone: Rank = { rank: 0, gateways: 1 };

/** How long a replica that became ready beside others gets fewer requests than it could take. */
export const slowStartMs = 10_000;

/** With which part of its slots it begins. */
const firstPart = 0.25;

/**
 * The slots of a replica that this gateway may use, at least one: with more gateways than slots a replica may get as many requests
 * as there are gateways. What cannot be divided goes to other gateways at each replica, by `hash`, so that together they use all.
 */
export function shareOfSlots(slots: number, { rank, gateways }: Rank, hash: number): number {
  if (gateways <= 1) return slots;
  const extra = (rank + hash) % gateways < slots % gateways ? 1 : 0;
  return Math.max(1, Math.floor(slots / gateways) + extra);
}

/** The part of the slots that a replica gets so long after it became ready: its caches are cold, and all that arrives would go to it at once. */
export function rampedSlots(slots: number, readyForMs: number): number {
  if (readyForMs >= slowStartMs) return slots;
  return Math.max(1, Math.ceil(slots * (firstPart + (1 - firstPart) * (readyForMs / slowStartMs))));
}
