/** How often it is looked whether a replica that owes an answer is silent. */
export const lookMs = 1_000;

/** No step counts for more: a gateway that was held up itself must not blame the replicas for it. */
const longestStepMs = 2 * lookMs;

/** What a silence proved is forgotten when nobody has waited for so long. */
const forgottenAfterMs = 60_000;

/**
 * How long a replica has said nothing to those who wait for the next part of a stream. Of an answer that does not come in parts nobody
 * knows how long it takes, so that a silence there says nothing.
 */
export type Silence = {
  /** The replica's signs of life until then. */
  readonly signs: number;
  /** Streams that have waited in this silence, those that gave up included. */
  readonly streams: number;
  /** Time in which one of them has waited, from the second on: a single request may be what takes so long. Milliseconds. */
  readonly ms: number;
  /** When it was looked last. */
  readonly at: number;
};

/** What a look sees: the replica's signs of life so far, and how many streams wait for a part of theirs. */
type Seen = { readonly signs: number; readonly owed: number };

export const noSilence: Silence = { signs: 0, streams: 0, ms: 0, at: 0 };

/** The silence as it is now. Instants are milliseconds of the gateway's clock. */
export function silenceAt(before: Silence, { signs, owed }: Seen, limitMs: number, now: number): Silence {
  const passedMs = Math.max(0, now - before.at);
  const isForgotten = owed === 0 && passedMs >= forgottenAfterMs && !provesWedge(before, limitMs);
  if (signs !== before.signs || isForgotten) return { signs, streams: owed, ms: 0, at: now };
  const counted = owed > 0 && before.streams > 1 ? Math.min(passedMs, longestStepMs) : 0;
  return { ...before, ms: before.ms + counted, at: now };
}

/** One more stream waits. */
export function withStream(silence: Silence): Silence {
  return { ...silence, streams: silence.streams + 1 };
}

/** Whether the engine hangs: of several streams not a part has come for the limit, give or take a look that was late. */
export function provesWedge({ ms }: Silence, limitMs: number): boolean {
  return ms > 0 && ms >= limitMs - Math.min(lookMs, limitMs / 10);
}
