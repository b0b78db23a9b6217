import { systemClock } from '../../../../src/core/clock.ts';

/** Often enough for a test not to notice, seldom enough for many at once on two cores. */
const intervalMs = 100;

/** Waits until `check` is not false and throws no more; fails with its last words after `timeoutMs`. */
export async function until(check: () => unknown, timeoutMs = 25_000): Promise<void> {
  const deadline = systemClock.now() + timeoutMs;
  for (;;) {
    const late = systemClock.now() > deadline;
    try {
      if ((await check()) !== false) return;
      if (late) throw new Error(`the condition did not come true within ${timeoutMs / 1000} s: ${check}`);
    } catch (error) {
      if (late) throw error;
    }
    await systemClock.sleep(intervalMs);
  }
}
