import fc from 'fast-check';
import { Counter, Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { ModelCounter } from './model-counter.ts';

const about = { name: 'answers_total', help: 'Answers of it.' };

test('prints what a counter of prom-client prints, whatever was counted', async () => {
  const counts = fc.array(fc.record({ model: fc.constantFrom('ns/a', 'ns/b', '"\\\n'), code: fc.integer(), by: fc.nat(3) }));
  await fc.assert(
    fc.asyncProperty(counts, async (all) => {
      const [registry, theirs] = [new Registry(), new Registry()];
      const counter = new ModelCounter({ ...about, registry, keeps: () => true, label: 'code' });
      const model = new Counter({ ...about, labelNames: ['model', 'code'], registers: [theirs] });
      for (const { model: name, code, by } of all) {
        counter.of(name, code).inc(by);
        model.inc({ model: name, code }, by);
      }
      expect(await registry.metrics()).toBe(await theirs.metrics());
    }),
  );
});

test('has no other label unless it is told one', async () => {
  const registry = new Registry();
  const counter = new ModelCounter({ ...about, registry, keeps: () => true });
  counter.of('ns/a').inc();
  counter.of('ns/a').inc(2);
  expect(await registry.metrics()).toContain('\nanswers_total{model="ns/a"} 3\n');
});

test('a deployment that is gone goes with the next scrape, and begins anew when it comes back', async () => {
  const registry = new Registry();
  const there = new Set(['ns/a', 'ns/b']);
  const counter = new ModelCounter({ ...about, registry, keeps: (model) => there.has(model), label: 'code' });
  const lines = async () => (await registry.metrics()).split('\n').filter((line) => line.startsWith('answers'));
  for (const model of there) for (const code of [200, 503]) counter.of(model, code).inc();
  there.delete('ns/a');
  const others = ['answers_total{model="ns/b",code="200"} 1', 'answers_total{model="ns/b",code="503"} 1'];
  expect(await lines()).toEqual(others);
  there.add('ns/a');
  counter.of('ns/a', 503).inc();
  expect(await lines()).toEqual([...others, 'answers_total{model="ns/a",code="503"} 1']);
});
