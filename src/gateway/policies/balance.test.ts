import { expect, test } from 'vitest';
import { leastLoaded } from './balance.ts';

const at = (inFlight: number, ready = true) => ({ ready, inFlight, epoch: 1 });

test('takes the least busy one that is ready and has a free slot', () => {
  const replicas = [at(3), at(1), at(0, false), at(2)];
  expect(leastLoaded(replicas, 4, Math.random)).toBe(replicas[1]);
  expect(leastLoaded(replicas, 1, Math.random)).toBeUndefined();
});

test('breaks ties evenly', () => {
  const replicas = [at(0), at(0), at(5), at(0)];
  const counts = new Map(replicas.map((replica) => [replica, 0]));
  let seed = 1;
  // A small linear congruential generator: the test is the same on every run.
  const random = () => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    return seed / 2_147_483_648;
  };
  for (let pick = 0; pick < 3_000; pick += 1) {
    const replica = leastLoaded(replicas, 8, random);
    if (replica) counts.set(replica, (counts.get(replica) ?? 0) + 1);
  }
  const [a = 0, b = 0, busy, c = 0] = [...counts.values()];
  expect(busy).toBe(0);
  for (const count of [a, b, c]) expect(Math.abs(count - 1_000)).toBeLessThan(150);
});

test('avoids what failed, until it is ready anew', () => {
  const [failed, other] = [at(0), at(7)];
  const avoided = new Map([[failed, 1]]);
  expect(leastLoaded([failed, other], 8, Math.random, avoided)).toBe(other);
  expect(leastLoaded([{ ...failed, epoch: 2 }, other], 8, Math.random, new Map([[failed, 1]]))?.inFlight).toBe(0);
});
