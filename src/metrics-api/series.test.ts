import { expect, test } from 'vitest';
import { metricNamed, selectorOf, selectSamples } from './series.ts';
import type { MetricSource, Sample } from './source.ts';

const now = 1_000_000;
const metric = 'modelfleet_requests_in_system';
const sample = (model: string, more: Partial<Sample> = {}): Sample => ({ model, value: 1, at: now, stale: false, ...more });
const sourceOf = (...samples: Sample[]): MetricSource => ({ values: () => samples });
const select = (source: MetricSource, labelSelector: string, model?: string) =>
  selectSamples(source, { namespace: 'models', metric, selector: selectorOf({ labelSelector }, 'labelSelector'), model }, now);
const modelsOf = (samples: readonly Sample[]) => samples.map(({ model }) => model);

test('selects by the label of the series', () => {
  const source = sourceOf(sample('a'), sample('b'), sample('c'));
  expect(modelsOf(select(source, 'model in (a,c)'))).toEqual(['a', 'c']);
  expect(modelsOf(select(source, ''))).toEqual(['a', 'b', 'c']);
  expect(modelsOf(select(source, 'team=x'))).toEqual([]);
  expect(modelsOf(select(source, '', 'b'))).toEqual(['b']);
  expect(modelsOf(select(source, 'model=a', 'b'))).toEqual([]);
});

test('asks for one model where there can be only one', () => {
  const asked: (string | undefined)[] = [];
  const source: MetricSource = {
    values: (_namespace, _metric, model) => {
      asked.push(model);
      return [];
    },
  };
  select(source, 'model=a');
  select(source, 'model!=a');
  select(source, '', 'b');
  expect(asked).toEqual(['a', undefined, 'b']);
});

test('holds the last known value for half a minute, and then says that it is not known', () => {
  expect(select(sourceOf(sample('a', { stale: true, at: now - 30_000 })), 'model=a')).toHaveLength(1);
  expect(() => select(sourceOf(sample('b'), sample('a', { stale: true, at: now - 42_000 })), '')).toThrow(
    expect.objectContaining({ code: 503, message: expect.stringMatching(/models\/a is not known.* 42s old/) }),
  );
});

test('names whoever should tell what is not known', () => {
  const lost = sourceOf(sample('a', { stale: true, at: 0 }));
  const all = selectorOf({}, 'labelSelector');
  const ask = (name: 'modelfleet_kv_cache_usage' | 'modelfleet_tokens_in_flight') => () =>
    selectSamples(lost, { namespace: 'models', metric: name, selector: all }, now);
  expect(ask('modelfleet_kv_cache_usage')).toThrow("Look at the model's workers");
  expect(ask('modelfleet_tokens_in_flight')).toThrow('Look at the gateways');
});

test('a value that all have confirmed is good, however long ago it was', () => {
  expect(select(sourceOf(sample('a', { at: now - 60_000 })), 'model=a')).toHaveLength(1);
});

test('what is lost of one is not the matter of another', () => {
  expect(modelsOf(select(sourceOf(sample('b'), sample('a', { stale: true, at: 0 })), 'model=b'))).toEqual(['b']);
});

test('refuses what is no selector and what is no metric', () => {
  expect(() => selectorOf({ labelSelector: 'a=b=c' }, 'labelSelector')).toThrow(expect.objectContaining({ code: 400 }));
  expect(() => selectorOf({ labelSelector: ['a', 'b'] }, 'labelSelector')).toThrow('labelSelector was given more than once');
  expect(() => metricNamed('toString')).toThrow(expect.objectContaining({ code: 404, message: expect.stringContaining('toString') }));
});
