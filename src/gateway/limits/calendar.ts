/** A span of UTC in which a quota holds. Periods are numbered, so that a later one has a higher number. */
export type Period = {
  of(now: number): number;
  /** The instant at which the period ends that `now` is in. */
  endOf(now: number): number;
};

const dayMs = 86_400_000;

export const day: Period = {
  of: (now) => Math.floor(now / dayMs),
  endOf: (now) => (day.of(now) + 1) * dayMs,
};

export const month: Period = {
  of(now) {
    const date = new Date(now);
    return date.getUTCFullYear() * 12 + date.getUTCMonth();
  },
  endOf(now) {
    const next = month.of(now) + 1;
    return Date.UTC(Math.floor(next / 12), next % 12);
  },
};
