const loadingIntervalMs = 1_000;
const idleIntervalMs = 10_000;
/**
 * Whether a replica can serve is the kubelet's word, not the agent's: what an idle agent tells may be old in a fleet of thousands,
 * before asking costs more than a percent of a core. See docs/adr/0005.
 */
const idleQuestionsPerSecond = 20;
/** Idle agents are asked together: a process that wakes for each question spends more on waking than on asking. */
const togetherMs = 5_000;
const questionsPerSecond = 250;

/** How long an agent is left alone that loads, drains or has never answered, when so many do. */
export function loadingPauseMs(loading: number): number {
  return Math.max(loadingIntervalMs, (loading / questionsPerSecond) * 1_000);
}

/** How long an agent is left alone from `now` on whose model is loaded, when so many are. */
export function idlePauseMs(idle: number, now: number): number {
  const due = now + Math.max(idleIntervalMs, (idle / idleQuestionsPerSecond) * 1_000);
  return Math.round(due / togetherMs) * togetherMs - now;
}

/** How long the newest of so many agents that load waits for its first question: nothing, unless a whole fleet is met at once. */
export function firstPauseMs(loading: number): number {
  return Math.max(0, (loading / questionsPerSecond) * 1_000 - loadingIntervalMs);
}
