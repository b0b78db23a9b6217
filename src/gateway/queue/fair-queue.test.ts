import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Charge, FairQueue } from './fair-queue.ts';
import { type Waiter, weigh } from './token-counter.ts';

type Asked = Waiter & { readonly id: number };

let ids = 0;

function ask(tenant: string, more: Partial<Waiter> = {}): Asked {
  ids += 1;
  return { id: ids, tenant, weight: 1, priority: 0, promptTokens: 10, tokens: 20, ...more };
}

function queueOf(...waiters: Asked[]): FairQueue<Asked> {
  const queue = new FairQueue<Asked>();
  for (const waiter of waiters) queue.enter(waiter);
  return queue;
}

/** Serves the next so many, each to its end with such an answer. */
function serve(queue: FairQueue<Asked>, count: number, answer = 10): Asked[] {
  return Array.from({ length: count }, () => {
    const next = queue.next();
    if (!next) throw new Error('nobody waits');
    const charge = queue.serve(next);
    charge.settle(next.promptTokens, answer);
    charge.finish();
    return next;
  });
}

const of = (tenant: string, count: number, more: Partial<Waiter> = {}) => Array.from({ length: count }, () => ask(tenant, more));
const tenants = (waiters: readonly Asked[]) => waiters.map(({ tenant }) => tenant).join('');

test('tenants take turns, however many requests each has, and within one the first comes first', () => {
  const [many, few] = [of('a', 6), of('b', 2)];
  const served = serve(queueOf(...many, ...few), 8);
  expect(tenants(served)).toBe('ababaaaa');
  expect(served.filter(({ tenant }) => tenant === 'a')).toEqual(many);
});

test('a turn is measured in tokens: who asks for long work gets fewer', () => {
  const queue = queueOf(...of('a', 9, { promptTokens: 100 }), ...of('b', 9, { promptTokens: 10 }));
  expect(tenants(serve(queue, 8, 0))).toBe('abbbbbbb');
});

test('weight 3 gets three times the tokens', () => {
  const queue = queueOf(...of('a', 40, { weight: 3 }), ...of('b', 40));
  const served = tenants(serve(queue, 40));
  expect(served.split('a').length - 1).toBe(30);
});

test('who comes back gets no credit for having been idle', () => {
  const queue = queueOf(...of('a', 50), ask('b'));
  serve(queue, 20);
  for (const waiter of of('b', 20)) queue.enter(waiter);
  expect(Math.abs(tenants(serve(queue, 10)).split('b').length - 1 - 5)).toBeLessThanOrEqual(1);
});

test('of tenants that have been served as much, the one with less running goes first', () => {
  const queue = queueOf(...of('a', 10));
  for (let request = 0; request < 3; request += 1) queue.serve(queue.next() ?? ask('nobody'));
  queue.enter(ask('b'));
  expect(queue.next()?.tenant).toBe('b');
});

test('an expected answer counts until the real one is known, and one that failed costs nothing', () => {
  const queue = queueOf(...of('a', 4), ...of('b', 4));
  const charges: Charge[] = [];
  const order = Array.from({ length: 4 }, () => {
    const next = queue.next() ?? ask('nobody');
    charges.push(queue.serve(next));
    return next;
  });
  expect(tenants(order)).toBe('abab');
  const [a] = charges;
  a?.settle(10, 1_000);
  a?.settle(10, 0);
  a?.finish();
  expect(tenants(serve(queue, 2, 0))).toBe('bb');
});

test('higher priorities go first, and the lowest still gets every sixteenth slot', () => {
  const queue = queueOf(...of('l', 3, { priority: -1 }), ...of('h', 60, { priority: 5 }));
  const served = tenants(serve(queue, 34));
  expect([...served].flatMap((tenant, at) => (tenant === 'l' ? [at] : []))).toEqual([15, 31]);
});

test('in a full queue the newest of the tenant with most waiting yields, never to its own kind, and lower priorities first', () => {
  const many = of('a', 4);
  const queue = queueOf(...many, ask('b'));
  expect(queue.yielding(ask('c'), 'requests')).toBe(many[3]);
  expect(queue.yielding(ask('a'), 'requests')).toBeUndefined();
  expect(queue.yielding(ask('b', { weight: 10 }), 'requests')).toBe(many[3]);
  expect(queueOf(...of('a', 2), ask('b')).yielding(ask('b'), 'requests')).toBeUndefined();

  const low = ask('z', { priority: -5 });
  queue.enter(low);
  expect(queue.yielding(ask('a'), 'requests')).toBe(low);
  expect(queue.yielding(ask('y', { priority: -6 }), 'requests')).toBeUndefined();
});

test('of too many tokens the tenant with most of them yields', () => {
  const long = ask('b', { tokens: 1_000 });
  const queue = queueOf(...of('a', 5), long);
  expect(queue.yielding(ask('c'), 'tokens')).toBe(long);
  expect(queue.yielding(ask('c', { tokens: 2_000 }), 'tokens')).toBeUndefined();
});

test('the position counts who goes before: higher priorities, and the others as often as oneself', () => {
  const queue = queueOf(...of('a', 10), ...of('h', 3, { priority: 1 }));
  expect(queue.position(ask('b'))).toBe(3 + 2);
  expect(queue.position(ask('a'))).toBe(3 + 11);
  expect(queue.position(ask('b', { priority: -1 }))).toBe(14);
});

const slotsArbitrary = fc.integer({ min: 1, max: 8 });
const work = fc.record({ promptTokens: fc.integer({ min: 1, max: 200 }), output: fc.integer({ min: 0, max: 100 }) });

test('two tenants that always wait differ in served tokens by what the paper says at most', () => {
  const [longestPrompt, longestOutput] = [200, 100];
  fc.assert(
    fc.property(
      fc.array(work, { minLength: 20, maxLength: 60 }),
      fc.array(work, { minLength: 20, maxLength: 60 }),
      slotsArbitrary,
      fc.infiniteStream(fc.nat(100)),
      (ofA, ofB, slots, chance) => {
        // arXiv 2401.00588, theorem 4.4, with M the most tokens that a batch of so many slots can hold.
        const bound = 2 * Math.max(weigh(longestPrompt, 0), weigh(0, slots * (longestPrompt + longestOutput)));
        const outputs = new Map<Asked, number>();
        const queue = new FairQueue<Asked>();
        const enter = (tenant: string, { promptTokens, output }: { promptTokens: number; output: number }) => {
          const waiter = ask(tenant, { promptTokens, tokens: promptTokens + longestOutput });
          outputs.set(waiter, output);
          queue.enter(waiter);
        };
        for (const each of ofA) enter('a', each);
        for (const each of ofB) enter('b', each);
        const waiting = new Map([
          ['a', ofA.length],
          ['b', ofB.length],
        ]);
        const done = new Map([
          ['a', 0],
          ['b', 0],
        ]);
        const add = (tenant: string, tokens: number) => done.set(tenant, (done.get(tenant) ?? 0) + tokens);
        const running: { waiter: Asked; charge: Charge; generated: number }[] = [];
        while (waiting.get('a') && waiting.get('b')) {
          const next = running.length < slots ? queue.next() : undefined;
          if (next) {
            running.push({ waiter: next, charge: queue.serve(next), generated: 0 });
            waiting.set(next.tenant, (waiting.get(next.tenant) ?? 0) - 1);
            add(next.tenant, weigh(next.promptTokens, 0));
          } else {
            // One of those that run goes on: to its end, or a few tokens further.
            const at = (chance.next().value ?? 0) % running.length;
            const one = running[at];
            if (!one) break;
            const left = (outputs.get(one.waiter) ?? 0) - one.generated;
            const step = Math.min(left, 40);
            one.generated += step;
            add(one.waiter.tenant, weigh(0, step));
            if (step === left) {
              one.charge.settle(one.waiter.promptTokens, one.generated);
              one.charge.finish();
              running.splice(at, 1);
            }
          }
          expect(Math.abs((done.get('a') ?? 0) - (done.get('b') ?? 0))).toBeLessThanOrEqual(bound);
        }
      },
    ),
  );
});

test('in whatever order equal requests came, tenants get as many slots', () => {
  fc.assert(
    fc.property(fc.shuffledSubarray([...'aaaaaaaabbbbbbbbcccccccc'], { minLength: 24 }), fc.nat(23), (order, count) => {
      const served = tenants(serve(queueOf(...order.map((tenant) => ask(tenant))), count));
      const each = [...'abc'].map((tenant) => served.split(tenant).length - 1);
      expect(Math.max(...each) - Math.min(...each)).toBeLessThanOrEqual(1);
    }),
  );
});

type Step = { readonly tenant: string; readonly priority: number; readonly prompt: number; readonly do: 'enter' | 'serve' | 'remove' };

test('nobody starves or is lost: whoever waits is served after a bounded number of others, and the sums are right', () => {
  const step: fc.Arbitrary<Step> = fc.record({
    tenant: fc.constantFrom('a', 'b', 'c', 'd'),
    priority: fc.integer({ min: -1, max: 1 }),
    prompt: fc.integer({ min: 1, max: 50 }),
    do: fc.constantFrom('enter', 'enter', 'serve', 'remove'),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const queue = new FairQueue<Asked>();
      const waiting = new Set<Asked>();
      for (const { tenant, priority, prompt, do: what } of steps) {
        if (what === 'enter') {
          const waiter = ask(tenant, { priority, promptTokens: prompt, tokens: 2 * prompt });
          queue.enter(waiter);
          waiting.add(waiter);
        } else if (what === 'serve' && waiting.size > 0) {
          for (const served of serve(queue, 1, prompt)) waiting.delete(served);
        } else if (what === 'remove') {
          const [first] = waiting;
          if (first) expect(queue.remove(first)).toBe(waiting.delete(first));
        }
        expect([queue.size, new Set(queue)]).toEqual([waiting.size, waiting]);
        expect(queue.tokens).toBe([...waiting].reduce((sum, { tokens }) => sum + tokens, 0));
      }
      // One more of a tenant that all others outnumber and outrank.
      const last = ask('z', { priority: -2, promptTokens: 1 });
      queue.enter(last);
      let turns = 0;
      for (; ; turns += 1) {
        queue.enter(ask('a', { priority: 1 }));
        const [served] = serve(queue, 1);
        if (served === last) break;
        if (turns > 4 * 16) throw new Error('starved');
      }
    }),
  );
});
