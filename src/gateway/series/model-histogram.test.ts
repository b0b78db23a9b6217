import fc from 'fast-check';
import { Histogram, Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { ModelHistogram } from './model-histogram.ts';

const about = { name: 'wait_seconds', help: 'How long it took.', buckets: [0.1, 1, 2.5] };

test('prints and tells what a histogram of prom-client does, whatever was observed', async () => {
  const value = fc.oneof(fc.constantFrom(...about.buckets), fc.double({ min: -1, max: 5, noNaN: true }));
  const observations = fc.array(fc.record({ model: fc.constantFrom('ns/a', 'ns/b', '"\\\n'), value }));
  await fc.assert(
    fc.asyncProperty(observations, async (all) => {
      const [registry, theirs] = [new Registry(), new Registry()];
      const histogram = new ModelHistogram({ ...about, registry, keeps: () => true });
      const model = new Histogram({ ...about, labelNames: ['model'], registers: [theirs] });
      for (const { model: name, value } of all) {
        histogram.of(name).observe(value);
        model.observe({ model: name }, value);
      }
      expect(await registry.metrics()).toBe(await theirs.metrics());
      expect(await registry.getMetricsAsJSON()).toMatchObject(await told(theirs));
    }),
  );
});

test('a deployment that is gone goes with the next scrape', async () => {
  const registry = new Registry();
  const there = new Set(['ns/a', 'ns/b']);
  const histogram = new ModelHistogram({ ...about, registry, keeps: (model) => there.has(model) });
  for (const model of there) histogram.of(model).observe(0.5);
  there.delete('ns/a');
  const text = await registry.metrics();
  expect(text).not.toContain('ns/a');
  expect(text).toContain('\nwait_seconds_bucket{le="1",model="ns/b"} 1\n');
});

/** Without the exemplars, of which there are none. */
async function told(registry: Registry): Promise<object> {
  const json = JSON.stringify(await registry.getMetricsAsJSON(), (key, value: unknown) => (key === 'exemplar' ? undefined : value));
  return JSON.parse(json);
}
