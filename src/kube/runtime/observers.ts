import type { Clock } from '../../core/clock.ts';
import type { Outcome } from './result.ts';

/** Hears what a queue does; durations are in milliseconds. */
export type QueueObserver = {
  added(depth: number): void;
  taken(depth: number, waitedMs: number): void;
  finished(workedMs: number): void;
  retried(): void;
};

/** Hears what a controller does; durations are in milliseconds. */
export type ControllerObserver = {
  started(): void;
  ended(): void;
  timedOut(): void;
  reconciled(outcome: Outcome, durationMs: number): void;
};

/** Makes the observers of a controller by its name. */
export type ControllerMetrics = {
  controller(name: string, concurrency: number): ControllerObserver;
  queue(name: string): QueueObserver;
  /** `startTimes`: since when each key in work is worked on, in milliseconds since the epoch. */
  watchQueue(name: string, queue: { readonly startTimes: Iterable<number> }, clock: Clock): void;
};

/** Makes the observer of an election by the name of its lease: told whether this process leads. */
export type LeaderElectionMetrics = { leaderElection(name: string): (leading: boolean) => void };
