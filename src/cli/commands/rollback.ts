import { isDeepStrictEqual } from 'node:util';
import { Command } from 'commander';
import type { ModelDeployment } from '../../api/model-deployment.ts';
import { modelDeploymentSpec } from '../../api/model-deployment-spec.ts';
import { revisionChanges, revisionData } from '../../api/revision-data.ts';
import { systemClock } from '../../core/clock.ts';
import { isConflict, type KubeClient, type ObjectRef } from '../../kube/index.ts';
import { type ClusterOptions, deploymentRef, inCluster, withClusterOptions } from '../cluster.ts';
import { positiveInteger } from '../options.ts';
import { describeChange, modelDeployments, type Past, type Revision, readPast, revisionNumbered } from '../revisions.ts';

type Options = ClusterOptions & { readonly toRevision?: number; readonly dryRun?: boolean };

/** Status writes make new versions all the time: only a change of what we go back from is a conflict. */
const maxTries = 5;
const retryMs = 50;

/** `modelfleet rollback NAME`: makes the pods of a deployment what they were. */
export function rollbackCommand(): Command {
  const command = new Command('rollback')
    .description('make the pods of a model deployment what they were in an earlier revision')
    .argument('<name>', 'the ModelDeployment, as NAME or mdep/NAME')
    .option('--to-revision <number>', 'the revision to go back to; the one before the current one unless given', positiveInteger)
    .option('--dry-run', 'let the server check it and tell what would change, but change nothing', false);
  return withClusterOptions(command).action((name: string, options: Options) =>
    inCluster(options, 'modelfleet-rollback', async (client, namespace) => {
      console.log(await rollBack(client, deploymentRef(name, namespace), options));
    }),
  );
}

async function rollBack(client: KubeClient, ref: ObjectRef, { toRevision, dryRun = false }: Options): Promise<string> {
  const first = await readPast(client, ref);
  const target = targetOf(first, toRevision);
  for (let past = first, tries = 1; ; tries += 1) {
    const { deployment } = past;
    const { patch } = revisionNumbered(past, target.number);
    // Unlike a test of the version, which fails as a refusal does, this is a conflict when somebody else has written meanwhile.
    const version = { op: 'add', path: '/metadata/resourceVersion', value: deployment.metadata.resourceVersion ?? '' } as const;
    try {
      await client.jsonPatch(modelDeployments, ref, [version, ...patch], { dryRun });
      return told(deployment, target, dryRun);
    } catch (error) {
      if (!isConflict(error)) throw error; // the server refuses the old spec itself, and says why
      await systemClock.sleep(retryMs * tries);
      past = await readPast(client, ref);
      if (tries === maxTries || !isDeepStrictEqual(revisionData(past.deployment), revisionData(first.deployment)))
        throw new Error(`ModelDeployment ${ref.name} was changed meanwhile. See modelfleet history ${ref.name}, and try again.`, {
          cause: error,
        });
    }
  }
}

/** The revision to go back to. Throws an Error when there is none, or it is the current one. */
function targetOf(past: Past, asked: number | undefined): Revision {
  const { name } = past.deployment.metadata;
  if (asked !== undefined) {
    const revision = revisionNumbered(past, asked);
    if (revision.current) throw new Error(`ModelDeployment ${name} is at revision ${asked} already. Nothing was changed.`);
    return revision;
  }
  const before = past.revisions.findLast(({ current }) => !current);
  if (!before)
    throw new Error(
      `ModelDeployment ${name} has no earlier revision to go back to: its first one is the current one. Nothing was changed.`,
    );
  return before;
}

function told(deployment: ModelDeployment, target: Revision, dryRun: boolean): string {
  const { name } = deployment.metadata;
  const changes = revisionChanges(revisionData(deployment), target.data).map((change) => `  ${describeChange(change)}`);
  const heading = dryRun
    ? `${name} would go back to revision ${target.number} (nothing was changed):`
    : `${name} goes back to revision ${target.number}, under the next number:`;
  return [heading, ...changes, ...nextSteps(deployment, target, dryRun)].join('\n');
}

/** What the controller does now, in the words of someone who knows it. */
function nextSteps(deployment: ModelDeployment, target: Revision, dryRun: boolean): readonly string[] {
  const { name, namespace } = deployment.metadata;
  const next = rolloutOf(deployment, target);
  if (dryRun) return [`Then: ${next}`];
  return [
    `Next: ${next}`,
    `Follow it with: kubectl get mdep ${name} -n ${namespace} -w`,
    'Whoever applies its manifest again undoes this: change it there too.',
  ];
}

function rolloutOf({ spec }: ModelDeployment, { loaded }: Revision): string {
  const parsed = modelDeploymentSpec.safeParse(spec);
  if (!parsed.success) return 'the controller takes it up.';
  const { replicas, suspend, rollout } = parsed.data;
  if (suspend) return 'nothing, for it is suspended; replicas are made so when it is resumed.';
  if (replicas === 0) return 'nothing, for it has no replicas; the next ones are made so.';
  if (loaded >= replicas) return `nothing has to load: ${loaded} replicas of that revision run still and count at once; the others go.`;
  const standing = loaded > 0 ? ` ${loaded} of that revision still ${loaded === 1 ? 'runs and counts' : 'run and count'} at once.` : '';
  if (rollout.strategy === 'Recreate')
    return `all replicas drain, then those of that revision load: nothing is served in between.${standing}`;
  if (rollout.maxSurge === 0)
    return `old replicas drain, ${rollout.maxUnavailable} at a time, and replicas of that revision load in their place.${standing}`;
  return `replicas of that revision load, at most ${rollout.maxSurge} above ${replicas}; an old one drains when one of them has loaded.${standing}`;
}
