import { systemClock } from '../../core/clock.ts';

/** Waits until `check` throws no more and is not false; fails with its last words after `timeoutMs`. */
export async function eventually(check: () => unknown, timeoutMs = 10_000): Promise<void> {
  const deadline = systemClock.now() + timeoutMs;
  for (;;) {
    try {
      if ((await check()) !== false) return;
      if (systemClock.now() > deadline) throw new Error('the condition did not come true');
    } catch (error) {
      if (systemClock.now() > deadline) throw error;
    }
    await systemClock.sleep(5);
  }
}
