import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FakeClock } from '../../core/fake-clock.ts';
import { ExponentialBackoff } from './rate-limiter.ts';
import { WorkQueue } from './work-queue.ts';

const newQueue = (clock = new FakeClock()) => new WorkQueue({ clock, limiter: new ExponentialBackoff() });
/** Lets every promise that is settled be heard. */
const settle = () => new Promise(setImmediate);

test('holds a key once, in the order of arrival', async () => {
  const queue = newQueue();
  for (const key of ['a', 'b', 'a', 'c', 'b']) queue.add(key);
  expect(queue.depth).toBe(3);
  expect([await queue.take(), await queue.take(), await queue.take()]).toEqual(['a', 'b', 'c']);
});

test('a key that is added while a worker has it comes again when the worker is done', async () => {
  const queue = newQueue();
  queue.add('a');
  await queue.take();
  queue.add('a');
  queue.add('a');
  const next = queue.take();
  await settle();
  expect(queue.depth).toBe(0);
  queue.done('a');
  expect(await next).toBe('a');
  queue.done('a');
  expect(queue.depth).toBe(0);
});

test('urgent keys are handed out before the others, also when they wait already or are in work', async () => {
  const queue = newQueue();
  for (const key of ['a', 'b', 'c', 'd']) queue.add(key);
  queue.add('c', true);
  queue.add('e', true);
  queue.add('e');
  expect(queue.depth).toBe(5);
  expect([await queue.take(), await queue.take(), await queue.take()]).toEqual(['c', 'e', 'a']);
  queue.add('a', true);
  queue.add('a');
  queue.done('a');
  expect([await queue.take(), await queue.take()]).toEqual(['a', 'b']);
});

test('of the keys that are not urgent only so many are in work at a time', async () => {
  const queue = new WorkQueue({ clock: new FakeClock(), ordinaryLimit: 1 });
  for (const key of ['a', 'b']) queue.add(key);
  queue.add('u', true);
  expect([await queue.take(), await queue.take()]).toEqual(['u', 'a']);
  expect(['u', 'a', 'b'].map((key) => queue.isUrgent(key))).toEqual([true, false, false]);
  const next = queue.take();
  queue.done('u');
  await settle();
  expect(queue.depth).toBe(1);
  queue.add('v', true);
  expect(await next).toBe('v');
  queue.done('a');
  expect(await queue.take()).toBe('b');
});

test('adds after a time, at the earliest of several', async () => {
  const clock = new FakeClock();
  const queue = newQueue(clock);
  queue.addAfter('a', 5_000);
  queue.addAfter('b', 3_000);
  queue.addAfter('a', 1_000);
  queue.addAfter('a', 9_000);
  await clock.advance(999);
  expect(queue.depth).toBe(0);
  await clock.advance(1);
  expect(queue.depth).toBe(1);
  await clock.advance(10_000);
  expect([await queue.take(), await queue.take(), queue.depth]).toEqual(['a', 'b', 0]);
  expect(clock.sleeping).toBe(0);
});

test('a failing key waits twice as long each time, until it is forgotten', async () => {
  const clock = new FakeClock();
  const queue = newQueue(clock);
  for (const waitMs of [5, 10, 20, 40]) {
    queue.addRateLimited('a');
    await clock.advance(waitMs - 1);
    expect(queue.depth).toBe(0);
    await clock.advance(1);
    expect(await queue.take()).toBe('a');
    queue.done('a');
  }
  expect(queue.retries('a')).toBe(4);
  queue.forget('a');
  queue.addRateLimited('a');
  await clock.advance(5);
  expect(queue.depth).toBe(1);
});

test('a worker that waits hears of the stop, and leaves nothing behind', async () => {
  const clock = new FakeClock();
  const queue = newQueue(clock);
  const stop = new AbortController();
  const [aborted, shutDown] = [queue.take(stop.signal), queue.take()];
  stop.abort();
  expect(await aborted).toBeUndefined();
  queue.addAfter('later', 1_000);
  queue.shutDown();
  expect(await shutDown).toBeUndefined();
  queue.add('a');
  expect(await queue.take()).toBeUndefined();
  expect(clock.sleeping).toBe(0);
});

test('refuses the end of work that never began', () => {
  expect(() => newQueue().done('a')).toThrow('the key "a" is not being processed');
});

const key = fc.constantFrom('a', 'b', 'c');
const operation = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('add' as const), key, urgent: fc.boolean() }) },
  fc.record({ do: fc.constant('addAfter' as const), key, ms: fc.nat(2_000) }),
  fc.record({ do: fc.constant('addRateLimited' as const), key }),
  { weight: 3, arbitrary: fc.record({ do: fc.constant('take' as const) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('done' as const), nth: fc.nat() }) },
  fc.record({ do: fc.constant('abortTake' as const) }),
  fc.record({ do: fc.constant('advance' as const), ms: fc.nat(1_500) }),
);

/** What a queue owes: a key that was added, or whose time has come, must be taken after that. */
class Debts {
  readonly owed = new Set<string>();
  private readonly dues = new Map<string, number>();
  private readonly clock: FakeClock;

  constructor(clock: FakeClock) {
    this.clock = clock;
  }

  add(key: string): void {
    this.owed.add(key);
  }

  addAfter(key: string, ms: number): void {
    this.dues.set(key, Math.min(this.clock.now() + ms, this.dues.get(key) ?? Number.POSITIVE_INFINITY));
    this.fallDue();
  }

  paid(key: string): void {
    this.fallDue();
    this.owed.delete(key);
  }

  fallDue(): void {
    for (const [key, due] of this.dues) {
      if (due > this.clock.now()) continue;
      this.dues.delete(key);
      this.owed.add(key);
    }
  }
}

test('whatever the interleaving: no key is worked on twice at once, and every add is followed by work', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { maxLength: 60 }), async (operations) => {
      const clock = new FakeClock();
      const queue = newQueue(clock);
      const debts = new Debts(clock);
      const working = new Set<string>();
      const twice: string[] = [];
      const take = async (signal?: AbortSignal) => {
        const taken = await queue.take(signal);
        if (taken === undefined) return;
        if (working.has(taken)) twice.push(taken);
        working.add(taken);
        debts.paid(taken);
      };
      const finish = (taken: string) => {
        working.delete(taken);
        queue.done(taken);
      };
      const perform = async (step: typeof operation extends fc.Arbitrary<infer S> ? S : never) => {
        switch (step.do) {
          case 'add':
            debts.add(step.key);
            queue.add(step.key, step.urgent);
            break;
          case 'addAfter':
            debts.addAfter(step.key, step.ms);
            queue.addAfter(step.key, step.ms);
            break;
          case 'addRateLimited':
            debts.addAfter(step.key, 5 * 2 ** queue.retries(step.key));
            queue.addRateLimited(step.key);
            break;
          case 'take':
            void take();
            break;
          case 'abortTake': {
            const stop = new AbortController();
            void take(stop.signal);
            stop.abort();
            break;
          }
          case 'done': {
            const taken = [...working][step.nth % Math.max(1, working.size)];
            if (taken !== undefined) finish(taken);
            break;
          }
          case 'advance':
            await clock.advance(step.ms);
            debts.fallDue();
            break;
        }
        await settle();
      };
      for (const step of operations) await perform(step);
      await clock.advance(10_000_000);
      debts.fallDue();
      while (queue.depth > 0 || working.size > 0) {
        for (const taken of [...working]) finish(taken);
        if (queue.depth > 0) await take();
        await settle();
      }
      expect({ twice, owed: [...debts.owed], sleeping: clock.sleeping }).toEqual({ twice: [], owed: [], sleeping: 0 });
      queue.shutDown();
    }),
    { numRuns: 300 },
  );
});
