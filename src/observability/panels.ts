import * as common from '@grafana/grafana-foundation-sdk/common';
import { ThresholdsConfigBuilder, ThresholdsMode } from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder, PromQueryFormat } from '@grafana/grafana-foundation-sdk/prometheus';
import * as stat from '@grafana/grafana-foundation-sdk/stat';
import * as table from '@grafana/grafana-foundation-sdk/table';
import * as timeseries from '@grafana/grafana-foundation-sdk/timeseries';

/** A PromQL expression and what its lines are called. */
export type Query = { readonly expr: string; readonly legend: string };

type Look = {
  readonly title: string;
  /** What the panel answers, and what to look for. */
  readonly description: string;
  readonly unit: string;
};

/** Lines over time. */
type Graph = Look & { readonly queries: readonly Query[]; readonly stacked?: boolean; readonly max?: number };

/** One number of now; `alarm` is the value from which it is red. */
type Figure = Look & { readonly query: Query; readonly alarm?: number; readonly showName?: boolean; readonly noValue?: string };

/** One row for each value of `key`, one column for each query. */
type Columns = Omit<Look, 'unit'> & {
  readonly key: string;
  readonly columns: readonly { readonly name: string; readonly expr: string; readonly unit: string }[];
};

/** What a dashboard can hold; its place is given by the dashboard. */
export type Panel = timeseries.PanelBuilder | stat.PanelBuilder | table.PanelBuilder;

const datasource = { type: 'prometheus', uid: '$datasource' };
const figureHeight = 4;
const panelHeight = 8;

/** A third of the width. */
export function graph({ title, description, unit, queries, stacked = false, max }: Graph): timeseries.PanelBuilder {
  const panel = new timeseries.PanelBuilder()
    .title(title)
    .description(description)
    .datasource(datasource)
    .unit(unit)
    .min(0)
    .height(panelHeight)
    .span(8)
    .lineWidth(1)
    .fillOpacity(stacked ? 30 : 10)
    .showPoints(common.VisibilityMode.Never)
    .legend(
      new common.VizLegendOptionsBuilder()
        .showLegend(true)
        .displayMode(common.LegendDisplayMode.List)
        .placement(common.LegendPlacement.Bottom),
    )
    .tooltip(new common.VizTooltipOptionsBuilder().mode(common.TooltipDisplayMode.Multi).sort(common.SortOrder.Descending))
    .targets(queries.map(({ expr, legend }, index) => query(expr, index).legendFormat(legend).range()));
  if (max !== undefined) panel.max(max);
  if (stacked) panel.stacking(new common.StackingConfigBuilder().mode(common.StackingMode.Normal).group('A'));
  return panel;
}

/** A quarter of the width. */
export function figure({ title, description, unit, query: { expr, legend }, alarm, showName, noValue }: Figure): stat.PanelBuilder {
  const steps = [{ value: null, color: 'green' }, ...(alarm === undefined ? [] : [{ value: alarm, color: 'red' }])];
  const panel = new stat.PanelBuilder()
    .title(title)
    .description(description)
    .datasource(datasource)
    .unit(unit)
    .height(figureHeight)
    .span(6)
    .colorMode(common.BigValueColorMode.Value)
    .graphMode(showName ? common.BigValueGraphMode.None : common.BigValueGraphMode.Area)
    .textMode(showName ? common.BigValueTextMode.Name : common.BigValueTextMode.Value)
    .reduceOptions(new common.ReduceDataOptionsBuilder().calcs(['lastNotNull']))
    .thresholds(new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps(steps));
  const target = query(expr, 0).legendFormat(legend);
  // A name is of now: over a range, whoever had it before would be shown too.
  panel.withTarget(showName ? target.instant() : target.range());
  if (noValue !== undefined) panel.noValue(noValue);
  return panel;
}

/** The full width. */
export function columns({ title, description, key, columns }: Columns): table.PanelBuilder {
  const named = (index: number) => `Value #${letter(index)}`;
  const panel = new table.PanelBuilder()
    .title(title)
    .description(description)
    .datasource(datasource)
    .height(panelHeight)
    .span(24)
    .targets(columns.map(({ expr }, index) => query(expr, index).format(PromQueryFormat.Table).instant()))
    .withTransformation({ id: 'merge', options: {} })
    .withTransformation({
      id: 'organize',
      options: {
        excludeByName: { Time: true },
        indexByName: Object.fromEntries([[key, 0], ...columns.map((_, index) => [named(index), index + 1])]),
        renameByName: Object.fromEntries([[key, capitalised(key)], ...columns.map(({ name }, index) => [named(index), name])]),
      },
    });
  for (const { name, unit } of columns) panel.overrideByName(name, [{ id: 'unit', value: unit }]);
  return panel;
}

/** The median and the slow tails of a histogram; `selector` without braces. */
export function quantiles(histogram: string, selector: string): readonly Query[] {
  return [0.5, 0.95, 0.99].map((quantile) => ({
    expr: `histogram_quantile(${quantile}, sum by (le) (rate(${histogram}_bucket{${selector}}[$__rate_interval])))`,
    legend: `p${quantile * 100}`,
  }));
}

function query(expr: string, index: number): DataqueryBuilder {
  return new DataqueryBuilder().refId(letter(index)).datasource(datasource).expr(expr);
}

function letter(index: number): string {
  return String.fromCharCode('A'.charCodeAt(0) + index);
}

function capitalised(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
