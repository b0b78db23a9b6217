const unitMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 } as const;

/** A Go duration as Kubernetes APIs write it: `300ms`, `10m`, `1h30m`, `2.5s`; no negative ones. */
export const durationPattern = /^(0|([0-9]+(\.[0-9]+)?(ms|s|m|h))+)$/;

/** Milliseconds of a duration such as `1h30m`. Throws a RangeError that names the text. */
export function parseDuration(text: string): number {
  if (!durationPattern.test(text)) throw new RangeError(`"${text}" is not a duration such as 30s, 5m or 1h30m`);
  let total = 0;
  for (const [, number, unit] of text.matchAll(/([0-9.]+)(ms|s|m|h)/g)) total += Number(number) * unitMs[unit as keyof typeof unitMs];
  return total;
}

/** A short form for people: `45s`, `3m10s`, `2h5m`. */
export function formatDuration(ms: number): string {
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return seconds % 60 ? `${Math.floor(seconds / 60)}m${seconds % 60}s` : `${seconds / 60}m`;
  const minutes = Math.floor((seconds % 3600) / 60);
  return minutes ? `${Math.floor(seconds / 3600)}h${minutes}m` : `${Math.floor(seconds / 3600)}h`;
}
