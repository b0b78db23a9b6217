import { modelDeployments } from '../../controllers/modeldeployment/status-writer.ts';
import { type ModelDeployment, resolveSpec } from '../../src/api/model-deployment.ts';
import { isReplicaDraining } from '../../src/api/replica.ts';
import { labels } from '../../src/api/resources.ts';
import { isExpired, type KubeClient, type KubeObject, type Pod, pods, type ResourceType } from '../../src/kube/index.ts';
import { namespace } from './world.ts';

/** What a deployment asked for, and until when somebody may still act on it. */
type Wish = { readonly atMost: number; readonly replicas: number; readonly strict: boolean; replacedAt: number | undefined };

// An order may be carried out so long after it was replaced: the watch that tells the controller may have been cut meanwhile.
const lateMs = 30_000;

/**
 * Follows every write of the server through watches that no fault is for, and says when a deployment had more pods than its
 * strategy allows. It sees each state of each object once, in the server's order.
 */
export class Judge {
  /** One sentence each. */
  readonly findings: string[] = [];
  /** How often history was lost between two watches, so that something may have been missed. */
  blindSpots = 0;
  podsSeen = 0;
  private readonly client: KubeClient;
  private readonly wishes = new Map<string, Wish[]>();
  private readonly pods = new Map<string, Map<string, Pod>>();

  constructor(client: KubeClient) {
    this.client = client;
  }

  /** Watches until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([
      this.follow(modelDeployments, (object, gone) => this.onDeployment(object, gone), signal),
      this.follow(pods, (object, gone) => this.onPod(object, gone), signal),
    ]);
  }

  private async follow<T extends KubeObject>(
    type: ResourceType<T>,
    tell: (object: T, gone: boolean) => void,
    signal: AbortSignal,
  ): Promise<void> {
    let version: string | undefined;
    while (!signal.aborted) {
      try {
        if (version === undefined) {
          const list = await this.client.list(type, {}, { signal });
          for (const object of list.items) tell(object, false);
          version = list.resourceVersion;
        }
        for await (const event of this.client.watch(type, { resourceVersion: version, allowWatchBookmarks: true }, signal)) {
          if (event.type === 'ERROR') {
            version = undefined;
            this.blindSpots += 1;
            break;
          }
          version = event.object.metadata.resourceVersion;
          if (event.type !== 'BOOKMARK') tell(event.object, event.type === 'DELETED');
        }
      } catch (error) {
        if (signal.aborted) return;
        if (isExpired(error)) {
          version = undefined;
          this.blindSpots += 1;
        }
        await new Promise((resolve) => setTimeout(resolve, 50)); // the server restarts
      }
    }
  }

  private onDeployment(deployment: ModelDeployment, gone: boolean): void {
    const { uid = '' } = deployment.metadata;
    if (gone) {
      this.wishes.delete(uid);
      return;
    }
    const wishes = this.wishes.get(uid) ?? [];
    const wish = wishOf(deployment);
    const last = wishes.at(-1);
    if (last && last.atMost === wish.atMost && last.replicas === wish.replicas && last.strict === wish.strict) return;
    const now = Date.now();
    if (last) last.replacedAt = now;
    this.wishes.set(uid, [...wishes.filter(({ replacedAt }) => replacedAt === undefined || now - replacedAt < lateMs), wish]);
  }

  private onPod(pod: Pod, gone: boolean): void {
    const owner = pod.metadata.ownerReferences?.find(({ controller }) => controller)?.uid;
    const { uid = '' } = pod.metadata;
    if (owner === undefined) return;
    const known = this.pods.get(owner) ?? new Map<string, Pod>();
    this.pods.set(owner, known);
    if (gone) {
      known.delete(uid);
      if (known.size === 0) this.pods.delete(owner);
      return;
    }
    const isNew = !known.has(uid);
    known.set(uid, pod);
    if (isNew) this.onCreated(pod, owner, [...known.values()]);
  }

  private onCreated(pod: Pod, owner: string, all: readonly Pod[]): void {
    this.podsSeen += 1;
    const wishes = this.wishes.get(owner);
    if (!wishes) return; // its deployment's watch is behind; the next pod is judged
    const living = all.filter(({ status }) => status?.phase !== 'Failed' && status?.phase !== 'Succeeded');
    const standing = living.filter((each) => !isReplicaDraining(each));
    const leavingOfOthers = living.filter((each) => isReplicaDraining(each) && revisionOf(each) !== revisionOf(pod));
    const allowed = wishes.some(({ atMost, replicas, strict }) =>
      strict ? standing.length + leavingOfOthers.length <= replicas : standing.length <= atMost,
    );
    if (allowed) return;
    const seen = all.map((each) => `${each.metadata.name} ${revisionOf(each)} ${isReplicaDraining(each) ? 'leaving' : each.status?.phase}`);
    this.findings.push(
      `${new Date().toISOString()} ${namespace}/${pod.metadata.name} was created as one too many: ${seen.join(', ')}; asked for: ${JSON.stringify(wishes)}`,
    );
  }
}

function wishOf(deployment: ModelDeployment): Wish {
  const { replicas, rollout } = resolveSpec(deployment);
  // Where no surge is allowed a leaving replica of another revision still has its place until it is gone.
  const strict = rollout.strategy === 'Recreate' || rollout.maxSurge === 0;
  return { atMost: replicas + (strict ? 0 : rollout.maxSurge), replicas, strict, replacedAt: undefined };
}

function revisionOf(pod: Pod): string {
  return pod.metadata.labels?.[labels.revision] ?? '';
}
