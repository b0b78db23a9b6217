import { horizontalPodAutoscalers } from '../../../../controllers/scaling/autoscaler.ts';
import type { ModelDeployment } from '../../../../src/api/model-deployment.ts';
import { annotations, modelDeploymentResource } from '../../../../src/api/resources.ts';
import { InformerCache, KubeClient, type KubeObject, loadKubeConfig, resourceType } from '../../../../src/kube/index.ts';
import { kubeconfig } from './kube.ts';

/** What a timeline follows, by the name that it is printed under. */
type Followed = 'spec.replicas' | 'asleep' | 'phase' | 'ready' | 'desired' | 'metric' | 'told';

type Moment = { readonly at: number; readonly what: Followed; readonly value: number | string };

/** How the scaling of one deployment went: each change by this machine's clock, at the moment when a watch told it. */
export class Timeline {
  private readonly moments: Moment[] = [];
  private readonly stop = new AbortController();
  private readonly client: KubeClient;
  private readonly running: Promise<unknown>;

  private constructor(client: KubeClient, namespace: string, name: string) {
    this.client = client;
    const cache = new InformerCache(client);
    const follow = <T extends KubeObject>(object: T, note: (object: T) => void) => {
      if (object.metadata.name === name) note(object);
    };
    const deployments = cache.informer(resourceType<ModelDeployment & KubeObject>(modelDeploymentResource), { namespace });
    deployments.addHandler({
      add: (object) => follow(object, (one) => this.noteDeployment(one)),
      update: (object) => follow(object, (one) => this.noteDeployment(one)),
    });
    const autoscalers = cache.informer(horizontalPodAutoscalers, { namespace });
    const noteDesired = ({ status }: { readonly status?: { readonly desiredReplicas: number } }) => {
      if (status) this.note('desired', status.desiredReplicas);
    };
    autoscalers.addHandler({ add: (object) => follow(object, noteDesired), update: (object) => follow(object, noteDesired) });
    this.running = cache.run(this.stop.signal);
  }

  static async open(namespace: string, name: string): Promise<Timeline> {
    return new Timeline(KubeClient.fromKubeConfig(await loadKubeConfig({ path: kubeconfig })), namespace, name);
  }

  /** Notes a value that is another than the last one. */
  note(what: Followed, value: number | string, at = Date.now()): void {
    if (this.values(what).at(-1) !== value) this.moments.push({ at, what, value });
  }

  /** Notes what somebody did. */
  tell(what: string, at = Date.now()): void {
    this.moments.push({ at, what: 'told', value: what });
  }

  /** What it was one after the other since an instant; with what it was then. */
  values(what: Followed, since = 0): readonly (number | string)[] {
    const all = this.moments.filter((moment) => moment.what === what);
    const before = all.findLast(({ at }) => at <= since);
    return [...(before ? [before] : []), ...all.filter(({ at }) => at > since)].map(({ value }) => value);
  }

  /** When it first was this after an instant; undefined when it was not yet. */
  when(what: Followed, value: number | string, since = 0): number | undefined {
    return this.moments.find((moment) => moment.what === what && moment.value === value && moment.at >= since)?.at;
  }

  /** All of it, in seconds since the first moment of `since`. */
  print(since = 0): string {
    const told = this.moments.filter(({ at }) => at >= since).sort((a, b) => a.at - b.at);
    const start = told[0]?.at ?? 0;
    return told
      .map(({ at, what, value }) => `${((at - start) / 1000).toFixed(2).padStart(8)} s  ${what === 'told' ? value : `${what} ${value}`}`)
      .join('\n');
  }

  async close(): Promise<void> {
    this.stop.abort();
    await this.running;
    await this.client.close();
  }

  private noteDeployment({ metadata, spec, status }: ModelDeployment): void {
    this.note('spec.replicas', spec.replicas ?? 1);
    this.note('asleep', metadata.annotations?.[annotations.asleep] === undefined ? 'no' : 'yes');
    if (status?.phase !== undefined) this.note('phase', status.phase);
    if (status?.readyReplicas !== undefined) this.note('ready', status.readyReplicas);
    if (status?.scaling !== undefined) this.note('metric', status.scaling.value);
  }
}
