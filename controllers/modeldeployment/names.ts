import { type ModelDeployment, servedNames } from '../../src/api/model-deployment.ts';
import { deletionStarted, generationChanged, type Informer, keyOf, or, type Source, type Store, watches } from '../../src/kube/index.ts';

/** Name of the index of deployments by the public names that they claim. */
export const byPublicName = 'public name';

/** A name that this deployment claims and another has. */
export type TakenName = { readonly name: string /** `namespace/name` of who has it. */; readonly holder: string };

/** The names that a deployment claims, beside `namespace/name`, which is its own always. One that is being deleted claims none. */
export function publicNames(deployment: ModelDeployment): readonly string[] {
  if (deployment.metadata.deletionTimestamp !== undefined) return [];
  return servedNames(deployment).filter((name) => name !== keyOf(deployment));
}

/** The names that requests do not reach this deployment by: the gateway gives each to the oldest that claims it. */
export function takenNames(deployment: ModelDeployment, others: Pick<Store<ModelDeployment>, 'get' | 'byIndex'>): readonly TakenName[] {
  const own = keyOf(deployment);
  return publicNames(deployment).flatMap((name) => {
    const namesake = others.get(name); // `namespace/name` comes before all claims
    const standing = namesake && namesake.metadata.deletionTimestamp === undefined ? namesake : undefined;
    const holder = keyOf(standing ?? [deployment, ...others.byIndex(byPublicName, name)].reduce(older));
    return holder === own ? [] : [{ name, holder }];
  });
}

/** Lets a controller look again at all that claim a name when the one that has it comes, changes or goes: it may be theirs now. */
export function namesakes(deployments: Informer<ModelDeployment>): Source {
  const rivals = (deployment: ModelDeployment) =>
    servedNames(deployment).flatMap((name) => {
      const claimants = deployments.store.byIndex(byPublicName, name);
      return claimants.every((other) => older(deployment, other) === deployment || keyOf(other) === keyOf(deployment))
        ? claimants.map(keyOf)
        : [];
    });
  return watches(deployments, rivals, or(generationChanged, deletionStarted));
}

/** As the gateway decides: the older one, of twins the one whose key comes first. */
function older(a: ModelDeployment, b: ModelDeployment): ModelDeployment {
  const difference = createdAt(a) - createdAt(b);
  if (difference !== 0) return difference < 0 ? a : b;
  return keyOf(a) <= keyOf(b) ? a : b;
}

function createdAt({ metadata }: ModelDeployment): number {
  return Date.parse(metadata.creationTimestamp ?? '') || 0;
}
