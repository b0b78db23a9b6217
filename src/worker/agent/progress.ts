/** How far back the speed is measured. */
const windowMs = 5_000;
/** A shorter span says nothing about speed. */
const shortestSpanMs = 500;

type Sample = { readonly at: number; readonly bytes: number };

/** A sliding window over "so many bytes at this instant". Immutable: each observation gives a new one. */
export type SpeedWindow = readonly Sample[];

/** Adds an observation; keeps one sample a hundred milliseconds at most, none older than the window. */
export function observe(window: SpeedWindow, at: number, bytes: number): SpeedWindow {
  const recent = window.filter((sample) => at - sample.at <= windowMs);
  const previous = recent.at(-2);
  const crowded = previous !== undefined && at - previous.at < 100;
  return [...(crowded ? recent.slice(0, -1) : recent), { at, bytes }];
}

/** Bytes per second over the window, or null when there is too little to tell; 0 once nothing has moved for a whole window. */
export function speed(window: SpeedWindow, now: number): number | null {
  const last = window.at(-1);
  if (!last) return null;
  if (now - last.at > windowMs) return 0;
  const first = window.find((sample) => now - sample.at <= windowMs) ?? last;
  const spanMs = now - first.at;
  return spanMs < shortestSpanMs ? null : ((last.bytes - first.bytes) * 1000) / spanMs;
}
