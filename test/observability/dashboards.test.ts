import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { exportedMetrics, generateObservability } from '../../scripts/observability.ts';
import { alertGroups } from '../../src/observability/rules.ts';
import { readsOf } from './promql.ts';
import { dashboardDocuments, panelQueries, panelsOf } from './queries.ts';

const columns = 24;
// What a ServiceMonitor or PodMonitor adds.
const scrapeLabels = ['namespace', 'pod', 'job', 'instance'];

/** The labels of each series name: a histogram has three. */
const series = new Map(
  exportedMetrics()
    .flatMap(({ metrics }) => metrics)
    .flatMap(({ name, type, labels }) =>
      type === 'histogram'
        ? [[`${name}_bucket`, [...labels, 'le']] as const, [`${name}_sum`, labels] as const, [`${name}_count`, labels] as const]
        : [[name, labels] as const],
    ),
);

const variables = dashboardDocuments.flatMap(({ title, templating }) =>
  templating.list.flatMap(({ name, query }) => {
    const expr = /^label_values\((.*), \w+\)$/.exec(query)?.[1];
    return expr === undefined ? [] : [{ name: `${title}: variable ${name}`, expr }];
  }),
);
const alerts = alertGroups.flatMap((group) => group.alerts).map(({ name, expr }) => ({ name, expr }));

// Not test.each, which cuts long names.
for (const { name, expr } of [...panelQueries(), ...variables, ...alerts])
  test(`${name} asks for metrics and labels that are exported`, () => {
    const { selectors, labels } = readsOf(expr);
    expect(selectors).not.toEqual([]);
    const known = new Set(scrapeLabels);
    if (expr.includes('label_join(')) known.add('model');
    for (const { metric, labels: asked } of selectors) {
      const exported = series.get(metric);
      expect(exported, `nobody exports ${metric}`).toBeDefined();
      for (const label of exported ?? []) known.add(label);
      expect([...scrapeLabels, ...(exported ?? [])]).toEqual(expect.arrayContaining([...asked]));
    }
    expect([...known]).toEqual(expect.arrayContaining([...labels]));
  });

describe.each(dashboardDocuments)('$title', (dashboard) => {
  const panels = panelsOf(dashboard);

  test('its panels have a place of their own within 24 columns', () => {
    const taken = new Map<string, string>();
    for (const { title, gridPos } of dashboard.panels) {
      expect(gridPos.x + gridPos.w, title).toBeLessThanOrEqual(columns);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1)
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
          expect(taken.get(`${x},${y}`), `${title} lies on another panel`).toBeUndefined();
          taken.set(`${x},${y}`, title);
        }
    }
  });

  test('every panel has an id and a title of its own, a description and a unit', () => {
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
    expect(new Set(panels.map(({ title }) => title)).size).toBe(panels.length);
    for (const { title, description, fieldConfig } of panels) {
      expect(description, title).toMatch(/\.$/);
      expect(fieldConfig?.defaults.unit ?? fieldConfig?.overrides[0], title).toBeDefined();
    }
  });

  test('it can be shown with any data source of Prometheus', () => {
    const [first] = dashboard.templating.list;
    expect(first).toMatchObject({ name: 'datasource', type: 'datasource', query: 'prometheus' });
    const chosen = { type: 'prometheus', uid: '$datasource' };
    for (const { title, datasource, targets } of panels) {
      expect(datasource, title).toEqual(chosen);
      for (const target of targets) expect(target.datasource, title).toEqual(chosen);
    }
  });

  test('its queries use the variables that it has', () => {
    const names = dashboard.templating.list.map(({ name }) => name);
    for (const { expr } of panels.flatMap(({ targets }) => targets))
      for (const [, used] of expr.matchAll(/\$(\w+)/g)) expect([...names, '__rate_interval']).toContain(used);
  });
});

test('dashboards keep their addresses', () => {
  expect(dashboardDocuments.map(({ uid }) => uid)).toEqual(['modelfleet-operator', 'modelfleet-gateway', 'modelfleet-models']);
});

test('what is generated is up to date, and Grafana gets what the source says', async () => {
  expect(await generateObservability(true)).toEqual([]);
  for (const document of dashboardDocuments) {
    const file = join(import.meta.dirname, `../../charts/modelfleet/files/dashboards/${document.uid}.json`);
    expect(JSON.parse(await readFile(file, 'utf8'))).toEqual(document);
  }
});
