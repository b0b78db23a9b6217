import { describe, expect, test } from 'vitest';
import type { RequestCounts } from '../../src/api/gateway-stats.ts';
import { afterLine, demandFor, newsOf, type Part, standingOf, sumDemand } from './demand.ts';

const now = 1_000_000;
const idle: RequestCounts = { held: 0, queued: 0, running: 0 };
const counts = (fields: Partial<RequestCounts>): RequestCounts => ({ ...idle, ...fields });

/** A ready gateway that was heard half a second ago, unless told otherwise. */
function part(models: Readonly<Record<string, RequestCounts>>, fields: Partial<Part> = {}): Part {
  return { ready: true, since: now - 60_000, heardAt: now - 500, models: new Map(Object.entries(models)), ...fields };
}

describe('the demand for a model', () => {
  test('is what all gateways have of it', () => {
    const parts = [part({ 'a/b': counts({ held: 2, running: 1 }), 'a/c': counts({ running: 9 }) }), part({ 'a/b': counts({ queued: 3 }) })];
    expect(sumDemand(parts, now).get('a/b')).toEqual({
      held: 2,
      queued: 3,
      running: 1,
      waiting: 5,
      inSystem: 6,
      tokensInFlight: 0,
      askedAt: now,
      ttftCount: 0,
      gateways: 2,
      oldestMs: 500,
      stale: false,
    });
    expect([...sumDemand(parts, now).keys()]).toEqual(['a/b', 'a/c']);
  });

  test('adds up tokens, and weighs means by what they are the mean of', () => {
    const busy = counts({ running: 3, tokensInFlight: 500, ttftMillis: 100, ttftCount: 9, serviceMillis: 2_000 });
    const quiet = counts({ tokensInFlight: 20, ttftMillis: 1_100, ttftCount: 1, serviceMillis: 1_000 });
    const older = counts({ running: 1 });
    expect(demandFor('a/b', [part({ 'a/b': busy }), part({ 'a/b': quiet }), part({ 'a/b': older })], now)).toMatchObject({
      tokensInFlight: 520,
      ttftMillis: 200,
      ttftCount: 10,
      serviceMillis: 1_800,
    });
  });

  test('has no time to first token and no service time while nobody has told one', () => {
    const demand = demandFor('a/b', [part({ 'a/b': counts({ running: 1, ttftCount: 0 }) })], now);
    expect([demand.ttftMillis, demand.ttftCount, demand.serviceMillis]).toEqual([undefined, 0, undefined]);
  });

  test('is none, and known to be, when no gateway names it', () => {
    expect(demandFor('a/b', [part({})], now)).toMatchObject({ inSystem: 0, gateways: 1, stale: false });
  });

  test('is from no gateway when there is none, which says nothing', () => {
    expect(demandFor('a/b', [], now)).toMatchObject({ inSystem: 0, gateways: 0, oldestMs: 0 });
  });

  test('is as old as its oldest part', () => {
    const parts = [part({}), part({}, { heardAt: now - 2_000 })];
    expect(demandFor('a/b', parts, now).oldestMs).toBe(2_000);
  });
});

describe('a gateway that is not heard', () => {
  const lost = part({ 'a/b': counts({ held: 5 }) }, { heardAt: now - 1 });
  const other = part({ 'a/b': counts({ held: 1 }) }, { heardAt: now + 10_000 });

  test('counts for three seconds', () => {
    expect(demandFor('a/b', [lost, other], now + 2_999)).toMatchObject({ held: 6, gateways: 2, stale: false });
  });

  test('then counts no more, and marks every model: nobody knows what callers it has', () => {
    const later = demandFor('a/b', [lost, other], now + 3_000);
    expect(later).toMatchObject({ held: 1, gateways: 1, stale: true, oldestMs: 3_001 });
    expect(demandFor('x/y', [lost, other], now + 3_000)).toMatchObject({ inSystem: 0, stale: true });
    expect(sumDemand([lost], now + 3_000).size).toBe(0);
  });

  test('marks nothing once its pod is not ready: what it had is gone', () => {
    const gone = { ...lost, ready: false };
    expect(demandFor('a/b', [gone, other], now + 3_000)).toMatchObject({ held: 1, gateways: 1, stale: false, oldestMs: 0 });
  });

  test('whose stream broke is missing at once, or gone with what it had when its pod is not ready', () => {
    const broken = { ...lost, broken: true };
    expect(demandFor('a/b', [broken, other], now)).toMatchObject({ held: 1, gateways: 1, stale: true, oldestMs: 1 });
    expect(demandFor('a/b', [{ ...broken, ready: false }, other], now)).toMatchObject({ held: 1, gateways: 1, stale: false });
  });

  test('that goes in peace still counts while it is heard', () => {
    expect(demandFor('a/b', [{ ...lost, ready: false }], now)).toMatchObject({ held: 5, stale: false });
  });

  test('from the first on is missing if callers may be at it, and else about to start', () => {
    const never = part({}, { heardAt: undefined, since: now - 100 });
    expect(standingOf(never, now)).toBe('missing');
    expect(demandFor('a/b', [never], now)).toMatchObject({ gateways: 0, stale: true, oldestMs: 100 });
    expect(demandFor('a/b', [{ ...never, ready: false }], now)).toMatchObject({ gateways: 0, stale: false });
  });
});

describe('a line', () => {
  const before = new Map(Object.entries({ 'a/b': counts({ held: 1 }), 'a/c': counts({ running: 2 }) }));

  test('of changes changes what it names, and zeros end it', () => {
    const after = afterLine(before, { full: false, models: { 'a/b': idle, 'a/d': counts({ queued: 1 }) } }, now);
    expect(Object.fromEntries(after)).toEqual({ 'a/c': counts({ running: 2 }), 'a/d': { ...counts({ queued: 1 }), askedAt: now } });
  });

  test('that tells the last times to first token of a model without requests keeps it until there are none', () => {
    const after = afterLine(before, { full: false, models: { 'a/b': { ...idle, ttftMillis: 80, ttftCount: 2 } } }, now);
    expect(after.get('a/b')).toMatchObject({ held: 0, ttftMillis: 80 });
    expect(afterLine(after, { full: false, models: { 'a/b': idle } }, now).has('a/b')).toBe(false);
  });

  test('is a sign of whoever came and went since the one before, and of whoever was there until now', () => {
    const line = (told: Partial<RequestCounts>) => ({ full: false, models: { 'a/b': { ...idle, ...told } } });
    const askedAt = (models: Part['models']) => demandFor('a/b', [part({}, { models, heardAt: now + 9_000 })], now + 9_000).askedAt;
    const one = afterLine(new Map(), line({ arrivals: 1, running: 1 }), now);
    expect(askedAt(one)).toBe(now + 9_000); // it is there still
    const ended = afterLine(one, line({ arrivals: 1 }), now + 1_000);
    expect(askedAt(ended)).toBe(now + 1_000);
    const same = afterLine(ended, line({ arrivals: 1, serviceMillis: 5 }), now + 2_000);
    expect(askedAt(same)).toBe(now + 1_000);
    const another = afterLine(same, line({ arrivals: 2 }), now + 3_000);
    expect(askedAt(another)).toBe(now + 3_000);
    expect(askedAt(afterLine(another, { ...line({ arrivals: 2 }), full: true }, now + 4_000))).toBe(now + 3_000);
    expect(askedAt(afterLine(another, line({}), now + 40_000))).toBeUndefined();
  });

  test('that is full replaces everything', () => {
    expect([...afterLine(before, { full: true, models: { 'a/d': counts({ queued: 1 }) } }, now).keys()]).toEqual(['a/d']);
  });

  test('is news of the models of which more or fewer wait', () => {
    const after = afterLine(before, { full: false, models: { 'a/b': counts({ queued: 1, running: 3 }), 'a/c': counts({ held: 1 }) } }, now);
    expect(newsOf(before, after)).toEqual(['a/c']);
    expect(newsOf(before, new Map())).toEqual(['a/b']);
  });

  test('names the replicas that hang by the word of any gateway, until it takes it back or is gone', () => {
    const hangs = afterLine(before, { full: false, models: { 'a/b': counts({ wedged: ['u1'] }) } }, now);
    const parts = [part({ 'a/b': counts({ wedged: ['u1', 'u2'] }) }), { ...part({}), models: hangs }];
    expect(demandFor('a/b', parts, now).wedged).toEqual(['u1', 'u2']);
    expect(demandFor('a/b', parts, now + 60_000).wedged).toBeUndefined();
    expect(newsOf(afterLine(before, { full: false, models: { 'a/b': idle } }, now), hangs)).toEqual(['a/b']);
    expect(newsOf(hangs, afterLine(hangs, { full: false, models: { 'a/b': idle } }, now))).toEqual(['a/b']);
  });
});
