import type { Clock } from '../../core/clock.ts';

/** Lets one loop sleep until something happens or a time comes. A wake between two sleeps is not lost. */
export class Wake {
  private pending = false;
  private resume: (() => void) | undefined;

  wake(): void {
    this.pending = true;
    this.resume?.();
  }

  /** Resolves at the next `wake`, or at `until` (epoch ms) when given. */
  async wait(clock: Clock, until: number | undefined): Promise<void> {
    const cutOff = new AbortController();
    if (!this.pending) {
      const woken = new Promise<void>((resolve) => {
        this.resume = resolve;
      });
      const due = until === undefined ? [] : [clock.sleep(Math.max(0, until - clock.now()), cutOff.signal).catch(() => undefined)];
      await Promise.race([woken, ...due]);
      cutOff.abort();
    }
    this.resume = undefined;
    this.pending = false;
  }
}
