import type { LimitName } from '../../api/tenant-limits.ts';
import { Bucket } from './bucket.ts';
import { day, month, type Period } from './calendar.ts';
import { SlidingWindow } from './window.ts';

/** Nobody knows when a running request ends: after so long another try makes sense. */
const concurrencyWaitMs = 1_000;

/** What has been used of one limit. The limit comes with each call, for it may change while the counter lives. */
export type Counter = {
  /** Whether a request of so many tokens may go on. */
  passes(tokens: number, limit: number, now: number): boolean;
  take(tokens: number, limit: number, now: number): void;
  /** Ends a request that was taken at `takenAt` and has cost `change` tokens more, or less, than was taken. */
  settle(change: number, limit: number, takenAt: number, now: number): void;
  /** Makes it as if a request of so many tokens had not been taken at `takenAt`. */
  undo(tokens: number, limit: number, takenAt: number, now: number): void;
  remaining(limit: number, now: number): number;
  /** Milliseconds until all of the limit is back. */
  resetMs(limit: number, now: number): number;
  /** Milliseconds until a request of so many tokens would pass; 0 when it passes. */
  waitMs(tokens: number, limit: number, now: number): number;
};

/** A counter at its beginning. */
export function counterFor(name: LimitName, now: number): Counter {
  switch (name) {
    case 'requestsPerMinute':
      return requestCounter();
    case 'tokensPerMinute':
      return tokenCounter(now);
    case 'concurrency':
      return concurrencyCounter();
    case 'tokensPerDay':
      return quotaCounter(day);
    case 'tokensPerMonth':
      return quotaCounter(month);
  }
}

function requestCounter(): Counter {
  const window = new SlidingWindow();
  return {
    passes: (_, limit, now) => window.count(now) < limit,
    take: (_, __, now) => window.add(now),
    settle: () => {},
    undo: (_, __, takenAt) => window.remove(takenAt),
    remaining: (limit, now) => limit - window.count(now),
    resetMs: (_, now) => window.emptyMs(now),
    waitMs: (_, limit, now) => window.waitMs(limit, now),
  };
}

function tokenCounter(now: number): Counter {
  const bucket = new Bucket(now);
  return {
    passes: (tokens, limit, at) => bucket.holds(tokens, limit, at),
    take: (tokens, limit, at) => bucket.take(tokens, limit, at),
    settle: (change, limit, _, at) => bucket.take(change, limit, at),
    undo: (tokens, limit, _, at) => bucket.take(-tokens, limit, at),
    remaining: (limit, at) => bucket.balance(limit, at),
    resetMs: (limit, at) => bucket.resetMs(limit, at),
    waitMs: (tokens, limit, at) => bucket.waitMs(tokens, limit, at),
  };
}

function concurrencyCounter(): Counter {
  let running = 0;
  const leave = () => {
    running = Math.max(0, running - 1);
  };
  return {
    passes: (_, limit) => running < limit,
    take: () => {
      running += 1;
    },
    settle: leave,
    undo: leave,
    remaining: (limit) => limit - running,
    resetMs: () => (running === 0 ? 0 : concurrencyWaitMs),
    waitMs: (_, limit) => (running < limit ? 0 : concurrencyWaitMs),
  };
}

/** Counts in the current day or month; a new one begins at 0. A request larger than the whole limit passes when nothing has been used. */
function quotaCounter(period: Period): Counter {
  let current = 0;
  let amount = 0;
  const used = (now: number) => (period.of(now) === current ? amount : 0);
  const passes = (tokens: number, limit: number, now: number) => used(now) + Math.min(tokens, limit) <= limit;
  const change = (tokens: number, _: number, takenAt: number) => {
    // What belongs to a period that is over changes nothing in this one.
    if (period.of(takenAt) === current) amount = Math.max(0, amount + tokens);
  };
  return {
    passes,
    take(tokens, _, now) {
      amount = used(now) + tokens;
      current = period.of(now);
    },
    settle: change,
    undo: (tokens, limit, takenAt) => change(-tokens, limit, takenAt),
    remaining: (limit, now) => limit - used(now),
    resetMs: (_, now) => (used(now) === 0 ? 0 : period.endOf(now) - now),
    waitMs: (tokens, limit, now) => (passes(tokens, limit, now) ? 0 : period.endOf(now) - now),
  };
}
