import { expect, test } from 'vitest';
import { demandFor } from '../demand/demand.ts';
import { t0 } from '../modeldeployment/testing/makers.fake.ts';
import { wakeSource } from './wake-source.ts';

test('tells at once and before all else of requests for a model that sleeps, and of no other', () => {
  const held = new Map<string, number>();
  let tell: (model: string) => void = () => {};
  let listens = false;
  const demand = {
    of: (model: string) => {
      const models = new Map([[model, { held: held.get(model) ?? 0, queued: 0, running: 0 }]]);
      return demandFor(model, [{ ready: true, since: t0, heardAt: t0, models }], t0);
    },
    subscribe: (listener: (model: string) => void) => {
      tell = listener;
      listens = true;
      return () => {
        listens = false;
      };
    },
  };
  const enqueued: string[] = [];
  const source = wakeSource(demand, (key) => key.startsWith('asleep/'));
  const end = source.start((key, urgent) => enqueued.push(`${key} ${urgent}`));
  held.set('asleep/a', 1).set('awake/b', 1);
  for (const model of ['asleep/a', 'awake/b', 'asleep/quiet', 'asleep/a']) tell(model);
  expect(enqueued).toEqual(['asleep/a true', 'asleep/a true']);
  end();
  expect(listens).toBe(false);
});
