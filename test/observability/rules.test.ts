import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { alertGroups, rulesFile } from '../../src/observability/rules.ts';
import { alertCases, type Series } from './alert-cases.ts';
import { hasPrometheus, promtool, withoutPrometheus } from './programs.ts';

const alerts = alertGroups.flatMap((group) => group.alerts);

describe.skipIf(!hasPrometheus)(`the alerts${withoutPrometheus}`, () => {
  let folder: string;
  let rules: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rules-'));
    rules = join(folder, 'rules.json'); // JSON is YAML
    await writeFile(rules, JSON.stringify(rulesFile()));
  });
  afterAll(() => rm(folder, { recursive: true }));

  test('Prometheus accepts them, texts included', async () => {
    expect(await promtool('check', 'rules', rules)).toContain(`SUCCESS: ${alerts.length} rules found`);
  });

  test.each(alerts)('$name fires when it must, and is quiet when it should', async ({ name, severity }) => {
    const { at, fires, labels, quiet } = alertCases[name] ?? noCase(name);
    const firing = `ALERTS{alertname="${name}", alertstate="firing"}`;
    const all = Object.entries({ alertname: name, alertstate: 'firing', severity, ...labels }).map(
      ([label, value]) => `${label}="${value}"`,
    );
    const look = (why: string, series: Series, samples: readonly { readonly labels: string; readonly value: number }[]) => ({
      name: why,
      interval: '1m',
      input_series: Object.entries(series).map(([one, values]) => ({ series: one, values })),
      promql_expr_test: [{ expr: firing, eval_time: `${at}m`, exp_samples: samples }],
    });
    const file = join(folder, `${name}.json`);
    const tests = [
      look('it fires', fires, [{ labels: `ALERTS{${all.join(', ')}}`, value: 1 }]),
      ...Object.entries(quiet).map(([why, series]) => look(why, series, [])),
    ];
    await writeFile(file, JSON.stringify({ rule_files: [rules], evaluation_interval: '1m', tests }));
    await promtool('test', 'rules', file);
  });
});

test('every alert says what to do', () => {
  expect(new Set(alerts.map(({ name }) => name)).size).toBe(alerts.length);
  for (const { name, summary, description, runbook } of alerts)
    for (const text of [summary, description, runbook]) expect(text, name).toMatch(/[.`]$/);
});

function noCase(name: string): never {
  throw new Error(`${name} has no case that shows it firing: add one`);
}
