import { dashboards } from '../../src/observability/dashboards/all.ts';

/** One expression of a panel. `name` says where it is. */
export type PanelQuery = { readonly name: string; readonly expr: string; readonly instant: boolean };

/** A panel as its JSON has it, rows left out. */
export type PanelJson = {
  readonly id: number;
  readonly title: string;
  readonly description: string;
  readonly type: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly datasource: { readonly type: string; readonly uid: string };
  readonly targets: readonly { readonly refId: string; readonly expr: string; readonly instant?: boolean; readonly datasource: unknown }[];
  readonly fieldConfig?: { readonly defaults: { readonly unit?: string }; readonly overrides: readonly unknown[] };
};

export type DashboardJson = {
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  readonly templating: { readonly list: readonly VariableJson[] };
  readonly panels: readonly PanelJson[];
};

type VariableJson = { readonly name: string; readonly type: string; readonly query: string; readonly regex?: string };

/** The dashboards as Grafana gets them. */
export const dashboardDocuments: readonly DashboardJson[] = dashboards().map((one) => JSON.parse(JSON.stringify(one)) as DashboardJson);

/** The panels that show something. */
export function panelsOf(dashboard: DashboardJson): readonly PanelJson[] {
  return dashboard.panels.filter(({ type }) => type !== 'row');
}

/** Every expression of every panel. */
export function panelQueries(): readonly PanelQuery[] {
  return dashboardDocuments.flatMap((dashboard) =>
    panelsOf(dashboard).flatMap(({ title, targets }) =>
      targets.map(({ refId, expr, instant = false }) => ({ name: `${dashboard.title} / ${title} (${refId})`, expr, instant })),
    ),
  );
}
