import { describe, expect, test } from 'vitest';
import { recommend } from './recommend.ts';
import { missing, replicas, requests } from './testing/makers.fake.ts';

const tolerance = { up: 0.1, down: 0.1 };
const inAll = { kind: 'Value', value: 8 } as const;

describe('a target for each replica', () => {
  test('asks for as many replicas as the total needs', () => {
    expect(recommend([requests(41)], replicas(2), tolerance)).toEqual({ kind: 'known', replicas: 6, metric: 'requests' });
  });

  test('asks for the same while the new ones load', () => {
    for (const ready of [0, 2, 5]) expect(recommend([requests(41)], replicas(6, ready), tolerance)).toMatchObject({ replicas: 6 });
  });

  test('adds up the series', () => {
    expect(recommend([requests([3, 20, 18])], replicas(1), tolerance)).toMatchObject({ replicas: 6 });
  });

  test('leaves the fleet as it is within the tolerance of either direction', () => {
    expect(recommend([requests(88)], replicas(10), tolerance)).toMatchObject({ replicas: 10 });
    expect(recommend([requests(89)], replicas(10), tolerance)).toMatchObject({ replicas: 12 });
    expect(recommend([requests(72)], replicas(10), tolerance)).toMatchObject({ replicas: 10 });
    expect(recommend([requests(71)], replicas(10), tolerance)).toMatchObject({ replicas: 9 });
    expect(recommend([requests(84)], replicas(10), { up: 0, down: 0.5 })).toMatchObject({ replicas: 11 });
    expect(recommend([requests(41)], replicas(10), { up: 0, down: 0.5 })).toMatchObject({ replicas: 10 });
  });

  test('goes from and to zero', () => {
    expect(recommend([requests(0)], replicas(1), tolerance)).toMatchObject({ replicas: 0 });
    expect(recommend([requests(0)], replicas(0), tolerance)).toMatchObject({ replicas: 0 });
    expect(recommend([requests(17)], replicas(0), tolerance)).toMatchObject({ replicas: 3 });
  });

  test('reckons in thousandths, so three times 0.1 is 0.3', () => {
    const target = { kind: 'AverageValue', value: 0.1 } as const;
    expect(recommend([requests([0.1, 0.2], target)], replicas(1), tolerance)).toMatchObject({ replicas: 3 });
  });
});

describe('a target for all replicas together', () => {
  test('multiplies the ready pods', () => {
    expect(recommend([requests(16, inAll)], replicas(4, 3), tolerance)).toMatchObject({ replicas: 6 });
  });

  test('leaves the fleet as it is within the tolerance, also while some of it load', () => {
    expect(recommend([requests(8.4, inAll)], replicas(4, 2), tolerance)).toMatchObject({ replicas: 4 });
  });

  test('asks for the ratio itself from zero', () => {
    expect(recommend([requests(17, inAll)], replicas(0), tolerance)).toMatchObject({ replicas: 3 });
  });

  test('is unknown while there is no pod', () => {
    const scale = { specReplicas: 2, statusReplicas: 0, readyReplicas: 0 };
    expect(recommend([requests(17, inAll)], scale, tolerance)).toEqual({
      kind: 'unknown',
      why: expect.stringContaining('no pod was found'),
    });
  });
});

describe('several metrics', () => {
  test('the one that asks for most decides', () => {
    const other = { ...requests(90), metric: 'other' };
    expect(recommend([requests(9), other], replicas(1), tolerance)).toEqual({ kind: 'known', replicas: 12, metric: 'other' });
  });

  test('a missing one keeps the fleet from shrinking, not from growing', () => {
    expect(recommend([requests(9), missing()], replicas(5), tolerance)).toEqual({
      kind: 'unknown',
      why: expect.stringContaining('no answer'),
    });
    expect(recommend([missing(), requests(90)], replicas(5), tolerance)).toMatchObject({ replicas: 12 });
    expect(recommend([missing(), requests(40)], replicas(5), tolerance)).toMatchObject({ replicas: 5 });
  });

  test('nothing is known when all are missing, or have no series', () => {
    expect(recommend([missing(), requests([])], replicas(5), tolerance)).toMatchObject({ kind: 'unknown' });
    expect(recommend([requests([])], replicas(5), tolerance)).toEqual({ kind: 'unknown', why: expect.stringContaining('no series') });
    expect(recommend([], replicas(5), tolerance)).toEqual({ kind: 'unknown', why: expect.stringContaining('spec.metrics') });
  });
});
