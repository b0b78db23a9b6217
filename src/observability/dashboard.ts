import {
  type Dashboard,
  DashboardBuilder,
  DashboardCursorSync,
  type DashboardLink,
  DashboardLinkType,
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  RowBuilder,
  VariableRefresh,
  VariableSort,
} from '@grafana/grafana-foundation-sdk/dashboard';
import type { Panel } from './panels.ts';

/** A choice above the panels: the values of a label of the series that `series` selects. */
type Choice = {
  readonly name: string;
  readonly label: string;
  readonly series: string;
  readonly of: string;
  /** Takes its first group of each value. */
  readonly regex?: string;
};

/** A dashboard as this project sees it; the data source and the links to its siblings come with it. */
type Plan = {
  /** Stable: links, bookmarks and updates go by it. */
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  readonly choices: readonly Choice[];
  readonly rows: readonly { readonly title: string; readonly panels: readonly Panel[] }[];
};

const tag = 'modelfleet';

// Not by its builder, which hides links in a menu.
const siblings: DashboardLink = {
  title: 'Modelfleet',
  type: DashboardLinkType.Dashboards,
  icon: '',
  tooltip: '',
  tags: [tag],
  asDropdown: false,
  targetBlank: false,
  includeVars: true,
  keepTime: true,
};

/** Builds a dashboard in Grafana's classic format: the one that provisioning and the sidecar of ConfigMaps read in every version. */
export function dashboard({ uid, title, description, choices, rows }: Plan): Dashboard {
  const builder = new DashboardBuilder(`Modelfleet / ${title}`)
    .uid(uid)
    .description(description)
    .tags([tag])
    .time({ from: 'now-1h', to: 'now' })
    .refresh('30s')
    .timezone('browser')
    .tooltip(DashboardCursorSync.Crosshair)
    .link({ build: () => siblings })
    .withVariable(new DatasourceVariableBuilder('datasource').label('Data source').type('prometheus'));
  for (const choice of choices) builder.withVariable(variable(choice));
  let id = 0;
  const nextId = () => {
    id += 1;
    return id;
  };
  for (const row of rows) {
    builder.withRow(new RowBuilder(row.title).id(nextId()));
    for (const panel of row.panels) builder.withPanel(panel.id(nextId()));
  }
  return builder.build();
}

// "All" is the list of what there is, not `.*`: other operators and other vLLM servers export series of the same names.
function variable({ name, label, series, of, regex = '' }: Choice): QueryVariableBuilder {
  return new QueryVariableBuilder(name)
    .label(label)
    .datasource({ type: 'prometheus', uid: '$datasource' })
    .query(`label_values(${series}, ${of})`)
    .regex(regex)
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .sort(VariableSort.AlphabeticalAsc)
    .multi(true)
    .includeAll(true)
    .current({ text: 'All', value: '$__all' });
}
