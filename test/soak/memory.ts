import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** One look at the process after a forced collection. */
export type Sample = { readonly minute: number; readonly heapMegabytes: number; readonly rssMegabytes: number };

setFlagsFromString('--expose-gc');
const collect: unknown = runInNewContext('gc');

/** Collects garbage and measures what is left. */
export function sampleMemory(sinceMs: number): Sample {
  if (typeof collect === 'function') collect();
  const { heapUsed, rss } = process.memoryUsage();
  return { minute: (Date.now() - sinceMs) / 60_000, heapMegabytes: heapUsed / 1e6, rssMegabytes: rss / 1e6 };
}

/** Megabytes a minute by which the heap grows: over the second half, because caches fill at first. */
export function growthPerMinute(samples: readonly Sample[]): number {
  const late = samples.slice(Math.floor(samples.length / 2));
  return slope(late.map(({ minute, heapMegabytes }) => [minute, heapMegabytes]));
}

/** By how much y grows for each x, by least squares. */
export function slope(points: readonly (readonly [x: number, y: number])[]): number {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [meanX, meanY] = [mean(points.map(([x]) => x)), mean(points.map(([, y]) => y))];
  const spread = points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
  if (spread === 0) return 0;
  return points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0) / spread;
}
