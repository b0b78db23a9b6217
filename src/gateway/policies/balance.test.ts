import { expect, test } from 'vitest';
import { leastLoaded, nearest } from './balance.ts';
import { hashText } from './hash.ts';

let made = 0;

function at(inFlight: number, { ready = true, tokens = 0 } = {}) {
  made += 1;
  return { ready, inFlight, tokens, epoch: 1, hash: hashText(`replica-${made}`) };
}

const slots = (count: number) => () => count;

test('takes the one with the fewest tokens in flight that is ready and has a free slot', () => {
  const replicas = [at(1, { tokens: 900 }), at(3, { tokens: 200 }), at(0, { ready: false }), at(2, { tokens: 300 })];
  expect(leastLoaded(replicas, slots(4), Math.random)).toBe(replicas[1]);
  expect(leastLoaded(replicas, slots(3), Math.random)).toBe(replicas[3]);
  expect(leastLoaded(replicas, slots(1), Math.random)).toBeUndefined();
});

test('of as many tokens takes the one with fewer requests', () => {
  const replicas = [at(3), at(1), at(2)];
  expect(leastLoaded(replicas, slots(4), Math.random)).toBe(replicas[1]);
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
    const replica = leastLoaded(replicas, slots(8), random);
    if (replica) counts.set(replica, (counts.get(replica) ?? 0) + 1);
  }
  const [a = 0, b = 0, busy, c = 0] = [...counts.values()];
  expect(busy).toBe(0);
  for (const count of [a, b, c]) expect(Math.abs(count - 1_000)).toBeLessThan(150);
});

test('avoids what failed, until it is ready anew', () => {
  const [failed, other] = [at(0), at(7)];
  const avoided = new Map([[failed, 1]]);
  expect(leastLoaded([failed, other], slots(8), Math.random, avoided)).toBe(other);
  expect(leastLoaded([{ ...failed, epoch: 2 }, other], slots(8), Math.random, new Map([[failed, 1]]))?.inFlight).toBe(0);
});

const keys = Array.from({ length: 2_000 }, (_, index) => hashText(`key ${index}`));

test('with affinity a key has its replica, and keys are spread evenly', () => {
  const replicas = [at(0), at(0), at(0), at(0)];
  const counts = new Map(replicas.map((replica) => [replica, 0]));
  for (const key of keys) {
    const replica = nearest(replicas, slots(8), key);
    expect(nearest([...replicas].reverse(), slots(8), key)).toBe(replica);
    if (replica) counts.set(replica, (counts.get(replica) ?? 0) + 1);
  }
  for (const count of counts.values()) expect(Math.abs(count - 500)).toBeLessThan(100);
});

test('when a replica goes only its keys move', () => {
  const replicas = [at(0), at(0), at(0), at(0)];
  const [gone, ...others] = replicas;
  for (const key of keys) {
    const before = nearest(replicas, slots(8), key);
    const after = nearest(others, slots(8), key);
    if (before === gone) expect(others).toContain(after);
    else expect(after).toBe(before);
  }
});

test('a key that everybody asks for spreads once its replica has more than the others, and in the same order each time', () => {
  const replicas = [at(0), at(0), at(0), at(0)];
  const order: unknown[] = [];
  for (let request = 0; request < 40; request += 1) {
    const replica = nearest(replicas, slots(100), 7);
    if (!replica) break;
    replica.inFlight += 1;
    if (!order.includes(replica)) order.push(replica);
  }
  expect(order.length).toBeGreaterThanOrEqual(4);
  for (const { inFlight } of replicas) expect(inFlight).toBeLessThanOrEqual(Math.ceil(1.25 * 10));
  expect(nearest(replicas, slots(0), 7)).toBeUndefined();
});
