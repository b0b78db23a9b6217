import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { noRedis } from '../../src/gateway/testing/redis-server.fake.ts';
import { eventually } from '../../src/kube/testing/eventually.fake.ts';
import { ObservedFleet } from './observed-fleet.ts';
import { hasPrometheus, withoutPrometheus } from './programs.ts';
import { Prometheus } from './prometheus.ts';
import { dashboardDocuments, panelQueries } from './queries.ts';

/** Panels that show nothing while all is well. */
const empty: Readonly<Record<string, string>> = {
  'Modelfleet / Gateway / Retries by model (A)': 'no replica failed before it answered',
  ...(noRedis === undefined ? {} : { 'Modelfleet / Gateway / Limits counted together (A)': noRedis }),
  'Modelfleet / Gateway / Woken and put to sleep (A)': 'no model may sleep',
  'Modelfleet / Gateway / Woken and put to sleep (B)': 'no model may sleep',
};

/** What Grafana puts in: lists where several values are chosen. */
const variables: Readonly<Record<string, string>> = {
  __rate_interval: '5s',
  installation: 'modelfleet-system',
  namespace: '(default|kube-system)',
  model: '(smollm2|broken)',
};
const filledIn = (expr: string) => expr.replaceAll(/\$(\w+)/g, (_, name: string) => variables[name] ?? `unknown variable ${name}`);

describe.skipIf(!hasPrometheus)(`with a Prometheus that scrapes a real run${withoutPrometheus}`, () => {
  let opened: AsyncDisposableStack;
  let fleet: ObservedFleet;
  let prometheus: Prometheus;

  beforeAll(async () => {
    opened = new AsyncDisposableStack();
    prometheus = opened.use(await Prometheus.start());
    fleet = opened.use(await ObservedFleet.start());
    await eventually(async () => {
      const workers = await fleet.workers();
      await prometheus.scrape([...fleet.targets, ...workers]);
      expect(workers, fleet.lastWords()).toHaveLength(2);
    }, 30_000);
    await eventually(async () => expect(await fleet.call(), fleet.lastWords()).toEqual([200, 200, 503, 401, 200, 429]), 60_000);
    // Rates need traffic between scrapes: callers call until every panel has seen some.
    const enough = systemClock.now() + 25_000;
    let missing: readonly string[] = ['not asked yet'];
    while (missing.length > 0 && systemClock.now() < enough) {
      await fleet.call();
      missing = await panelsWithoutData();
    }
  }, 150_000);
  afterAll(() => opened.disposeAsync());

  async function panelsWithoutData(): Promise<readonly string[]> {
    const found: string[] = [];
    for (const { name, expr, instant } of panelQueries())
      if (!(name in empty) && (await prometheus.query(filledIn(expr), instant ? 'now' : 'all')).length === 0) found.push(name);
    return found;
  }

  test('every process is scraped', async () => {
    const health = await prometheus.health();
    expect(Object.keys(health)).toHaveLength(4);
    expect(new Set(Object.values(health))).toEqual(new Set(['']));
  });

  // Not test.each, which cuts long names.
  for (const { name, expr, instant } of panelQueries()) {
    const because = empty[name];
    test(because === undefined ? `${name} shows data` : `${name} can be evaluated and is empty: ${because}`, async () => {
      const found = await prometheus.query(filledIn(expr), instant ? 'now' : 'all');
      if (because === undefined) expect(found).not.toEqual([]);
      else expect(found).toEqual([]);
    });
  }

  test.each(dashboardDocuments)('the variables of $title offer what there is', async ({ templating }) => {
    for (const { name, query, regex = '' } of templating.list) {
      const [, expr, label] = /^label_values\((.*), (\w+)\)$/.exec(query) ?? [];
      if (expr === undefined || label === undefined) continue;
      const pattern = new RegExp(regex.slice(1, -1));
      const values = (await prometheus.query(filledIn(expr), 'all')).map(({ labels }) => labels[label] ?? '');
      const offered = new Set(values.map((value) => (regex ? pattern.exec(value)?.[1] : value)));
      const there = { installation: ['modelfleet-system'], namespace: ['default'], model: ['broken', 'smollm2'] };
      expect([...offered].sort(), name).toEqual(there[name as keyof typeof there]);
    }
  });

  test('panels tell the truth about this run', async () => {
    const value = async (title: string, of: Readonly<Record<string, string>> = {}) => {
      const found = panelQueries().find(({ name }) => name.endsWith(`/ ${title}`));
      const series = await prometheus.query(filledIn(found?.expr ?? ''), 'now');
      return series.find(({ labels }) => Object.entries(of).every(([label, wanted]) => labels[label] === wanted))?.values[0];
    };
    expect(await value('Leader (A)', { pod: 'modelfleet-controller-0' })).toBe('1');
    expect(await value('Models that serve (A)')).toBe('1');
    expect(await value('Models without a ready replica (A)')).toBe('1');
    expect(await value('Models (A)', { model: 'default/smollm2' })).toBe('1');
    expect(await value('Models (B)', { model: 'default/broken' })).toBe('1');
    expect(await value('Failed loads and engines (A)', { reason: 'SourceNotFound' })).toBe('1');
    expect(await value('Controllers (A)')).toBe('1');
    if (noRedis === undefined) expect(await value('Limits counted together (A)')).toBe('1');
  });

  test('Prometheus evaluates every alert', async () => {
    await expect.poll(() => prometheus.brokenRules(), { timeout: 15_000 }).toEqual([]);
  });
});
