import { Chance } from '../../soak/chance.ts';

/** How requests arrive over time. */
export type Curve = {
  readonly name: string;
  readonly minutes: number;
  /** When it first rises for good. */
  readonly risesAtSeconds: number;
  /** Requests a second that arrive on average at this second. */
  readonly rate: (second: number) => number;
};

/** Requests in the order of their arrival; both in seconds. */
export type Requests = { readonly arrivals: readonly number[]; readonly services: readonly number[] };

/** How long an answer takes on average, in seconds. */
export const meanServiceSeconds = 10;

const minute = 60;
const hour = 60 * minute;

/** From one replica's work to that of four at once, and back. */
const step: Curve = {
  name: 'step',
  minutes: 120,
  risesAtSeconds: 20 * minute,
  rate: (second) => (second >= 20 * minute && second < 80 * minute ? 3.2 : 0.4),
};

/** To twelve times the load within 40 minutes, and back. */
const ramp: Curve = {
  name: 'ramp',
  minutes: 140,
  risesAtSeconds: 20 * minute,
  rate(second) {
    const up = (second - 20 * minute) / (40 * minute);
    const down = (120 * minute - second) / (40 * minute);
    return 0.4 + 4.4 * Math.max(0, Math.min(1, up, down));
  },
};

/** Five times the load for three minutes, every 20 minutes. */
const bursts: Curve = {
  name: 'bursts',
  minutes: 140,
  risesAtSeconds: 20 * minute,
  rate: (second) => (second >= 20 * minute && second < 120 * minute && second % (20 * minute) < 3 * minute ? 4 : 0.8),
};

/** A working day: quiet nights, a morning and an afternoon peak with a dip at noon. */
const day: Curve = {
  name: 'day',
  minutes: 24 * 60,
  risesAtSeconds: 6 * hour,
  rate(second) {
    const bell = (peak: number, width: number) => Math.exp(-(((second / hour - peak) / width) ** 2));
    return 0.2 + 4 * bell(10.5, 1.8) + 3.4 * bell(15, 1.8);
  },
};

export const curves: readonly Curve[] = [step, ramp, bursts, day];

/** The requests of a curve: a Poisson process with answers of Erlang-2 length, the same for the same seed. */
export function requestsOf(curve: Curve, seed: number): Requests {
  const chance = new Chance(seed);
  const exponential = (mean: number) => -mean * Math.log(1 - chance.next());
  const end = curve.minutes * minute;
  let most = 0;
  for (let second = 0; second < end; second += 15) most = Math.max(most, curve.rate(second));
  const arrivals: number[] = [];
  const services: number[] = [];
  for (let at = exponential(1 / most); at < end; at += exponential(1 / most)) {
    if (chance.next() * most >= curve.rate(at)) continue;
    arrivals.push(at);
    services.push(exponential(meanServiceSeconds / 2) + exponential(meanServiceSeconds / 2));
  }
  return { arrivals, services };
}
