/** A model's requests at all gateways at one instant (milliseconds). */
export type RequestSample = {
  readonly at: number;
  /** Held and queued. */
  readonly waiting: number;
  readonly running: number;
};

/** Over these times the growth is looked at: the short one sees a step at once, the long one a slow ramp. */
const shortMs = 15_000;
const longMs = 60_000;

/** The samples with a new one at the end, and without those that are too old to matter. */
export function remember(samples: readonly RequestSample[], sample: RequestSample): readonly RequestSample[] {
  return [...samples.filter(({ at }) => at >= sample.at - longMs), sample];
}

/**
 * How many requests must be served at once to keep up: what an autoscaler divides by the requests that a replica shall have.
 * While nobody waits it is the number that run. Where requests wait because replicas load, they pile up for as long as loading takes,
 * however few replicas are missing; counting each of them as a request to serve at once would ask for more and more replicas meanwhile.
 * So the growth says what arrives beyond what is served, and that needs its rate times the service time (Little's law);
 * those that wait already need what serves them all within `drainMs`. It is never more than there are requests, and all of them
 * while nothing is known of the past or of the service time.
 */
export function concurrencyNeeded(samples: readonly RequestSample[], serviceMs: number | undefined, drainMs: number): number {
  const newest = samples.at(-1);
  if (newest === undefined) return 0;
  const all = newest.waiting + newest.running;
  const growths = [shortMs, longMs].map((windowMs) => growthWithin(samples, newest, windowMs)).filter((growth) => growth !== undefined);
  if (serviceMs === undefined || growths.length === 0) return all;
  const arriving = Math.max(0, ...growths) * serviceMs;
  return Math.min(all, newest.running + arriving + (newest.waiting * serviceMs) / drainMs);
}

/** How many requests more there are each millisecond, seen over a time. */
function growthWithin(samples: readonly RequestSample[], newest: RequestSample, windowMs: number): number | undefined {
  const first = samples.find(({ at }) => at >= newest.at - windowMs && at < newest.at);
  return first && (newest.waiting + newest.running - first.waiting - first.running) / (newest.at - first.at);
}
