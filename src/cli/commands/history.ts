import { Command } from 'commander';
import { stringify } from 'yaml';
import { formatDuration } from '../../core/durations.ts';
import { type ClusterOptions, deploymentRef, inCluster, withClusterOptions } from '../cluster.ts';
import { columns } from '../columns.ts';
import { positiveInteger } from '../options.ts';
import { describeChange, type Past, type Revision, readPast, revisionNumbered } from '../revisions.ts';

type Options = ClusterOptions & { readonly revision?: number };

/** `modelfleet history NAME`: what a deployment was, and what changed when. */
export function historyCommand(): Command {
  const command = new Command('history')
    .description('the revisions of a model deployment: when, what changed, and which replicas run them')
    .argument('<name>', 'the ModelDeployment, as NAME or mdep/NAME')
    .option('--revision <number>', 'show this revision alone, whole', positiveInteger);
  return withClusterOptions(command).action((name: string, options: Options) =>
    inCluster(options, 'modelfleet-history', async (client, namespace) => {
      const past = await readPast(client, deploymentRef(name, namespace));
      console.log(options.revision === undefined ? historyTable(past, Date.now()) : whole(revisionNumbered(past, options.revision)));
    }),
  );
}

/** The revisions as a table, the newest last; `now` is in milliseconds. */
export function historyTable({ deployment, revisions }: Past, now: number): string {
  const rows = revisions.flatMap((revision) => {
    const [first = 'the first that is known', ...more] = changesOf(revision);
    const about = [`${revision.number}${revision.current ? ' *' : ''}`, ageOf(revision, now), replicasOf(revision)];
    return [[...about, first], ...more.map((line) => ['', '', '', line])];
  });
  const table = columns([['REVISION', 'AGE', 'LOADED', 'CHANGE'], ...rows]);
  if (revisions.some(({ current }) => current)) return table;
  const { name } = deployment.metadata;
  return `${table}\n\nThe spec differs from all of these: the controller has not taken it up yet, or refuses it. See kubectl describe mdep/${name}.`;
}

function changesOf({ changes }: Revision): readonly string[] {
  if (!changes) return [];
  return changes.length === 0 ? ['nothing'] : changes.map(describeChange);
}

function replicasOf({ loaded, replicas }: Revision): string {
  return replicas === 0 ? '-' : `${loaded}/${replicas}`;
}

function ageOf({ since }: Revision, now: number): string {
  return since === undefined ? '?' : formatDuration(Math.max(0, now - Date.parse(since)));
}

function whole({ number, current, data }: Revision): string {
  return `# Revision ${number}${current ? ', the current one' : ''}\n${stringify(data).trimEnd()}`;
}
