/** Node turns a longer time into 1 ms. */
const longestMs = 2 ** 31 - 1;

/** Calls `act` after `ms`, or after the longest time that a timer can hold (24 days). */
export function after(ms: number, act: () => void): NodeJS.Timeout {
  return setTimeout(act, Math.min(Math.max(ms, 0), longestMs));
}
