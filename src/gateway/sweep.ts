import { type Enrolled, Roster } from './roster.ts';

/** How often it is looked whether a time limit is over: nobody's limit is so short that a tenth of a second matters. */
const sweepMs = 100;

/** What has time limits. */
export type Limited = Enrolled & {
  /** Ends what is overdue; `now` in milliseconds of a clock that only ever goes on. */
  check(now: number): void;
};

/** Looks after everything that has a time limit, ten times a second: with thousands of requests a second a timer for each is dear. */
export class Sweep {
  private readonly limited = new Roster<Limited>();
  private timer: NodeJS.Timeout | undefined;

  add(one: Limited): void {
    this.limited.add(one);
    this.timer ??= setInterval(() => this.look(), sweepMs).unref();
  }

  delete(one: Limited): void {
    this.limited.delete(one);
  }

  /** Ends only when there was nothing to do since the last time: to start anew for each request would be dear as well. */
  private look(): void {
    const now = performance.now();
    for (const one of this.limited) one.check(now);
    if (this.limited.size > 0) return;
    clearInterval(this.timer);
    this.timer = undefined;
  }
}
