import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { eventually } from '../../src/kube/testing/eventually.fake.ts';
import { startTestGateway, type TestGateway } from '../fakes/gateway.ts';
import { hasPrometheus, withoutPrometheus } from './programs.ts';
import { Prometheus } from './prometheus.ts';
import { type AdapterRule, askAsAdapter, askAsKeda } from './prometheus-clients.ts';

const metric = 'modelfleet_requests_in_system';
const example = async (name: string): Promise<readonly unknown[]> =>
  parseAllDocuments(await readFile(join(import.meta.dirname, '../../docs/examples/autoscaling', name), 'utf8')).map((document) =>
    document.toJS(),
  );

const rules = z.object({ spec: z.object({ groups: z.array(z.looseObject({ interval: z.string() })) }) });
const scaledObject = z.object({
  spec: z.object({ triggers: z.tuple([z.object({ metadata: z.object({ query: z.string(), ignoreNullValues: z.string() }) })]) }),
});
const adapterRules = z.object({
  rules: z.object({
    external: z.tuple([
      z.object({
        seriesQuery: z.string(),
        resources: z.object({ overrides: z.record(z.string(), z.object({ resource: z.string() })) }),
        metricsQuery: z.string(),
      }),
    ]),
  }),
});

describe.skipIf(!hasPrometheus)(`with a Prometheus that scrapes two gateways${withoutPrometheus}`, () => {
  const calls = new AbortController();
  const opened = new AsyncDisposableStack();
  let prometheus: Prometheus;
  let first: TestGateway;
  let second: TestGateway;
  let keda: { readonly query: string; readonly ignoreNullValues: string };
  let adapterRule: AdapterRule;

  /** Calls that end with the test. */
  function call(gateway: TestGateway, times: number): void {
    for (let index = 0; index < times; index += 1)
      gateway.post({ model: 'm', messages: [{ role: 'user', content: 'Hi' }] }, { signal: calls.signal }).catch(() => {}); // cut off at the end
  }

  beforeAll(async () => {
    const { spec } = rules.parse((await example('prometheus-rule.yaml'))[0]);
    const groups = spec.groups.map((group) => ({ ...group, interval: '500ms' }));
    prometheus = opened.use(await Prometheus.start({ groups }));
    first = opened.use(await startTestGateway({ workers: [{ fault: 'hang' }], serving: { maxConcurrencyPerReplica: 2 } }));
    second = opened.use(await startTestGateway());
    second.setReady(0, false);
    opened.defer(() => calls.abort());
    const targets = [first, second].map(({ metricsUrl }, index) => ({
      address: new URL(metricsUrl).host,
      job: 'gateway',
      labels: { namespace: 'modelfleet-system', pod: `gateway-${index}` },
    }));
    await prometheus.scrape(targets);
    const trigger = scaledObject.parse((await example('keda-scaledobject.yaml'))[0]).spec.triggers[0].metadata;
    keda = { ...trigger, query: trigger.query.replace('namespace="models",model="qwen3-4b"', 'namespace="ns",model="m"') };
    adapterRule = adapterRules.parse((await example('prometheus-adapter.yaml'))[0]).rules.external[0];
    call(first, 3);
    call(second, 4);
  }, 60_000);
  afterAll(() => opened.disposeAsync());

  const asAdapter = () => askAsAdapter(prometheus.url, adapterRule, { namespace: 'ns', metric, labels: { model: 'm' } });

  // Two run and one waits at the first gateway, four are held at the second.
  test('KEDA reads the requests of a model at all gateways', { timeout: 30_000 }, async () => {
    await eventually(async () => expect(await askAsKeda(prometheus.url, keda)).toBe(7), 20_000);
  });

  test('prometheus-adapter answers the HorizontalPodAutoscalers that ask Modelfleet elsewhere', { timeout: 30_000 }, async () => {
    await eventually(async () => expect(await asAdapter()).toEqual([{ metricLabels: { model: 'm' }, value: 7 }]), 20_000);
    const other = { namespace: 'ns', metric, labels: { model: 'other' } };
    expect(await askAsAdapter(prometheus.url, adapterRule, other)).toEqual([]);
  });

  test('a gateway that cannot be scraped takes the number away, and is not taken for zero', { timeout: 30_000 }, async () => {
    await eventually(async () => expect(await askAsKeda(prometheus.url, keda)).toBe(7), 20_000);
    await second.close();
    await eventually(async () => expect(await asAdapter()).toEqual([]), 20_000);
    await expect(askAsKeda(prometheus.url, keda)).rejects.toThrow('the result is empty');
  });
});
