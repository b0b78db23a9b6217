import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Clock } from '../../core/clock.ts';
import { FakeClock } from '../../core/fake-clock.ts';
import { FakeLease } from '../testing/lease-store.fake.ts';
import { LeaderElection, LeadershipLost } from './leader-election.ts';

type Period = { readonly at: number; readonly ms: number };
type Candidate = {
  readonly skewMs: number;
  /** Its seconds in a true second. */
  readonly rate: number;
  readonly startsAt: number;
  readonly stopsAt: number;
  readonly stalls: readonly Period[];
  /** When nothing that it sends arrives. */
  readonly outages: readonly Period[];
  /** What becomes of its requests, in turn. */
  readonly line: readonly ('ok' | 'refused' | 'lost' | 'slow' | 'slow answer')[];
  /** How long its work goes on after it was told to end, until one last try to write. */
  readonly lingerMs: number;
};
/** `term` counts every time of leading in the world; `by` is the candidate that had it. */
type Act = { readonly by: number; readonly term: number };

const durationMs = 90_000;

const period = fc.record({ at: fc.integer({ min: 0, max: durationMs }), ms: fc.integer({ min: 500, max: 25_000 }) });
const candidate: fc.Arbitrary<Candidate> = fc.record({
  skewMs: fc.integer({ min: -1e9, max: 1e9 }),
  rate: fc.double({ min: 0.9, max: 1.1, noNaN: true }),
  startsAt: fc.integer({ min: 0, max: 20_000 }),
  stopsAt: fc.integer({ min: 20_000, max: 2 * durationMs }),
  stalls: fc.array(period, { maxLength: 3 }),
  outages: fc.array(period, { maxLength: 3 }),
  line: fc.array(fc.constantFrom('ok', 'ok', 'ok', 'refused', 'lost', 'slow', 'slow answer'), { minLength: 1, maxLength: 12 }),
  lingerMs: fc.integer({ min: 0, max: 7_000 }),
});

const during = (periods: readonly Period[], now: number) => periods.filter(({ at, ms }) => at <= now && now < at + ms);

/** Sleeps that do not end while the candidate's event loop stands still. */
function clockOf({ skewMs, rate, stalls }: Candidate, truth: FakeClock, start: number): Clock {
  const awake = async (signal?: AbortSignal): Promise<void> => {
    for (;;) {
      const now = truth.now() - start;
      const until = Math.max(...during(stalls, now).map(({ at, ms }) => at + ms), now);
      if (until === now) return;
      await truth.sleep(until - now, signal);
    }
  };
  return {
    now: () => Math.floor(truth.now() + skewMs),
    async sleep(ms, signal) {
      await truth.sleep(Math.ceil(ms / rate), signal);
      await awake(signal);
    },
  };
}

async function run(candidates: readonly Candidate[]): Promise<readonly Act[]> {
  const truth = new FakeClock();
  const start = truth.now();
  const lease = new FakeLease();
  const acts: Act[] = [];
  let terms = 0;
  const ends = candidates.map(async (which, by) => {
    const clock = clockOf(which, truth, start);
    const stop = new AbortController();
    let turn = 0;
    let fate: Candidate['line'][number] = 'ok';
    const line = {
      async sent() {
        fate = which.line[turn++ % which.line.length] ?? 'ok';
        if (fate === 'refused' || during(which.outages, truth.now() - start).length > 0) throw new Error('503');
        await clock.sleep(fate === 'slow' ? 4_000 : 20);
      },
      async answered() {
        await clock.sleep(fate === 'slow answer' ? 4_000 : 20);
        if (fate === 'lost') throw new Error('the answer was lost');
      },
    };
    const election = new LeaderElection({
      lease: lease.over(line),
      identity: `candidate-${by}`,
      clock,
      monotonic: () => Math.floor((truth.now() - start) * which.rate),
      random: () => 0.5,
    });
    // Acts as a controller does: a bit of work, then a write if it still may.
    const work = async (signal: AbortSignal) => {
      terms += 1;
      const term = terms;
      const write = () => {
        election.assertLeading();
        acts.push({ by, term });
      };
      try {
        while (!signal.aborted) {
          await clock.sleep(250);
          write();
        }
        await clock.sleep(which.lingerMs);
        write();
      } catch (error) {
        if (!(error instanceof LeadershipLost)) throw error;
        await clock.sleep(which.lingerMs);
      }
    };
    await clock.sleep(which.startsAt);
    void truth.sleep(which.stopsAt - which.startsAt).then(() => stop.abort());
    try {
      await election.lead(work, stop.signal);
    } catch (error) {
      if (!(error instanceof LeadershipLost)) throw error;
    }
  });
  await truth.advance(durationMs);
  await truth.advance(2 * durationMs); // everyone has been stopped
  await Promise.all(ends);
  return acts;
}

test('no two candidates ever act as leaders at the same time, however often they campaign', { timeout: 60_000 }, async () => {
  const seen = { handovers: 0, returns: 0 };
  await fc.assert(
    fc.asyncProperty(fc.array(candidate, { minLength: 2, maxLength: 4 }), async (candidates) => {
      const acts = await run(candidates);
      // The acts of a term are one piece, which no act of another term may fall into, be it the same candidate's.
      const order = acts.filter(({ term }, index) => term !== acts[index - 1]?.term);
      expect(order.map(({ term }) => term)).toEqual([...new Set(acts.map(({ term }) => term))]);
      seen.handovers += order.filter(({ by }, index) => index > 0 && by !== order[index - 1]?.by).length;
      seen.returns += order.length - new Set(order.map(({ by }) => by)).size;
    }),
    { numRuns: 200 },
  );
  expect(seen.handovers).toBeGreaterThan(10);
  expect(seen.returns).toBeGreaterThan(10);
});
