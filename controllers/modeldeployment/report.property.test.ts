import fc from 'fast-check';
import { expect, test } from 'vitest';
import { phaseLadder } from '../../src/core/phases.ts';
import type { Replica } from './replica.ts';
import { agent, loaded, replica } from './testing/makers.fake.ts';
import { Reports } from './testing/reports.fake.ts';

/** What may happen to a replica from one look to the next. */
type Happening = {
  readonly climbs: number;
  readonly percent: number | null;
  readonly event: 'none' | 'container restarts' | 'engine crashes' | 'stalls' | 'controller restarts' | 'a lie';
  readonly ms: number;
};

const happening: fc.Arbitrary<Happening> = fc.record({
  climbs: fc.constantFrom(0, 0, 0, 1, 1, 2),
  percent: fc.option(fc.double({ min: 0, max: 100, noNaN: true })),
  event: fc.constantFrom('none', 'none', 'none', 'container restarts', 'engine crashes', 'stalls', 'controller restarts', 'a lie'),
  ms: fc.nat(20_000),
});

/** One replica that loads, crashes, stalls and starts again, as it may, after an honest load that taught how long phases take. */
async function* life(reports: Reports, happenings: readonly Happening[]) {
  let rung = 0;
  let restarts = 0;
  for (const { climbs, percent, event, ms } of happenings) {
    await reports.clock.advance(ms);
    if (event === 'controller restarts') reports.restart();
    if (event === 'container restarts') {
      restarts += 1;
      rung = 3;
    }
    if (event === 'engine crashes') rung = 3;
    rung = Math.min(phaseLadder.length - 1, rung + climbs);
    const phase = phaseLadder[event === 'a lie' ? Math.max(3, rung - 2) : rung] ?? 'Ready';
    const base: Partial<Replica> = { name: 'qwen-a', restarts };
    const told = rung < 3 ? undefined : agent({ phase, percent, etaSeconds: percent });
    const now: Replica =
      event === 'engine crashes'
        ? replica({ ...base, phase: 'Failed', percent: 0, reason: 'EngineCrashed' })
        : event === 'stalls'
          ? replica({ ...base, phase: 'Stalled', reason: 'NoProgress', agent: told })
          : phase === 'Ready'
            ? loaded({ ...base, agent: told })
            : replica({ ...base, phase, percent: 0, agent: told });
    yield { now, status: (await reports.report([now])).status };
  }
}

test('the percent of a container never goes back before it is loaded, and an ETA is a number of seconds or unknown', async () => {
  await fc.assert(
    fc.asyncProperty(fc.boolean(), fc.array(happening, { minLength: 2, maxLength: 30 }), async (taught, happenings) => {
      const reports = new Reports();
      if (taught)
        for (const phase of phaseLadder) {
          await reports.clock.advance(3_000);
          await reports.report([phase === 'Ready' ? loaded({ name: 'qwen-0' }) : replica({ name: 'qwen-0', phase })]);
        }
      let before: { percent: number; restarts: number; phase: string } | undefined;
      for await (const { now, status } of life(reports, happenings)) {
        const [told] = status.replicaStatuses ?? [];
        if (!told) throw new Error('the replica is missing');
        expect(told.percent).toBeGreaterThanOrEqual(0);
        expect(told.percent).toBeLessThanOrEqual(now.ready ? 100 : 99);
        const stored = reports.status?.replicaStatuses?.[0];
        if (before && before.restarts === told.restarts && before.phase !== 'Ready')
          expect(told.percent).toBeGreaterThanOrEqual(before.percent);
        expect(told.etaSeconds === null || (Number.isInteger(told.etaSeconds) && (told.etaSeconds ?? -1) >= 0)).toBe(true);
        if (now.phase === 'Failed' || now.phase === 'Stalled') expect(told.etaSeconds).toBeNull();
        // What is seen is what is stored: a percent that waits for its write was shown to nobody.
        if (stored) before = { percent: stored.percent, restarts: stored.restarts, phase: stored.phase };
      }
    }),
    { numRuns: 100 },
  );
});
