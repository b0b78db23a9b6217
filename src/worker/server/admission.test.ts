import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Admission } from './admission.ts';

const never = new AbortController().signal;

test('lets requests in up to the limit, then in order as others leave', async () => {
  const admission = new Admission('m', 1, 10);
  const first = await admission.enter(never);
  const order: string[] = [];
  const enter = async (name: string) => {
    const pass = await admission.enter(never);
    order.push(name);
    return pass;
  };
  const second = enter('second');
  const third = enter('third');
  expect([admission.running, admission.waiting]).toEqual([1, 2]);
  first.leave();
  (await second).leave();
  (await third).leave();
  expect(order).toEqual(['second', 'third']);
  expect([admission.running, admission.waiting]).toEqual([0, 0]);
});

test('answers 429 when the queue is full', async () => {
  const admission = new Admission('m', 1, 0);
  await admission.enter(never);
  await expect(admission.enter(never)).rejects.toMatchObject({ status: 429, code: 'queue_full' });
});

test('a request that goes away while it waits takes no place', async () => {
  const admission = new Admission('m', 1, 10);
  const first = await admission.enter(never);
  const gone = new AbortController();
  const waiting = admission.enter(gone.signal);
  gone.abort(new Error('gone'));
  await expect(waiting).rejects.toThrow('gone');
  first.leave();
  expect([admission.running, admission.waiting]).toEqual([0, 0]);
});

test('whatever comes, goes and gives up, no more run than may and no place is lost', async () => {
  const action = fc.constantFrom('enter', 'leave', 'give up');
  await fc.assert(
    fc.asyncProperty(fc.array(action, { maxLength: 60 }), fc.integer({ min: 1, max: 4 }), async (actions, limit) => {
      const admission = new Admission('m', limit, 100);
      const passes: { leave(): void }[] = [];
      const waiting: AbortController[] = [];
      for (const next of actions) {
        if (next === 'enter') {
          const abort = new AbortController();
          waiting.push(abort);
          admission.enter(abort.signal).then(
            (pass) => passes.push(pass),
            () => undefined,
          );
        } else if (next === 'leave') passes.shift()?.leave();
        else waiting.pop()?.abort(new Error('gone'));
        await Promise.resolve();
        await Promise.resolve();
        expect(admission.running).toBeLessThanOrEqual(limit);
        if (admission.waiting > 0) expect(admission.running).toBe(limit);
      }
      while (admission.running > 0) {
        await new Promise(setImmediate);
        passes.shift()?.leave();
      }
      expect(admission.waiting).toBe(0);
    }),
  );
});
