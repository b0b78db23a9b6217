import { type Clock, systemClock } from '../../src/core/clock.ts';

/** Time that goes `speed` times as fast as the world's, from now on: back-offs and deadlines of minutes in seconds. */
export function fastClock(speed: number): Clock {
  const began = Date.now();
  return {
    now: () => Math.round(began + (Date.now() - began) * speed),
    sleep: (ms, signal) => systemClock.sleep(ms / speed, signal),
  };
}
