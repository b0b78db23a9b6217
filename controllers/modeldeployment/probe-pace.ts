const loadingIntervalMs = 1_000;
const idleIntervalMs = 10_000;
/**
 * Whether a replica can serve is the kubelet's word, not the agent's: what an idle agent tells may be old in a fleet of thousands,
 * before asking costs more than a percent of a core. See docs/adr/0005.
 */
const idleQuestionsPerSecond = 15;
/** Idle agents are asked together, in rounds: a process that wakes for each question spends more on waking than on asking. */
const roundMs = 5_000;
const questionsPerSecond = 250;
/** Agents that load are due at the same instants, for the same reason. */
const grainMs = 50;

/** Idle agents that are asked in one round. */
export const idleAgentsPerRound = (idleQuestionsPerSecond * roundMs) / 1_000;

/** When the first round after `now` is. */
export function nextRound(now: number): number {
  return (Math.floor(now / roundMs) + 1) * roundMs;
}

/** Whether an idle agent that was asked at `askedAt` is asked again in the round of `now`: ten seconds after, give or take half a round. */
export function isDueInRound(askedAt: number, now: number): boolean {
  return now - askedAt >= idleIntervalMs - roundMs / 2;
}

/** When an agent is asked that shall be left alone for `ms` from `now` on. */
export function dueAfter(ms: number, now: number): number {
  return ms <= 0 ? now : Math.ceil((now + ms) / grainMs) * grainMs;
}

/** How long an agent is left alone that loads, drains or has never answered, when so many do. */
export function loadingPauseMs(loading: number): number {
  return Math.max(loadingIntervalMs, (loading / questionsPerSecond) * 1_000);
}

/** How long the newest of so many agents that load waits for its first question: nothing, unless a whole fleet is met at once. */
export function firstPauseMs(loading: number): number {
  return Math.max(0, (loading / questionsPerSecond) * 1_000 - loadingIntervalMs);
}
