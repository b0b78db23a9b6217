import { setTimeout as sleep } from 'node:timers/promises';
import { type KubeClient, type Pod, pods } from '../../../src/kube/index.ts';
import { namespace } from './testbed.ts';

/** When each pod of a deployment was there, by this process's clock and a watch of its own. */
export class Arrivals {
  private readonly times = new Map<string, number[]>();
  private readonly seen = new Set<string>();
  private readonly ownerOf: (pod: Pod) => string | undefined;
  private failure: unknown;
  private count = 0;

  private constructor(ownerOf: (pod: Pod) => string | undefined) {
    this.ownerOf = ownerOf;
  }

  /** Watches until `signal` aborts. */
  static async follow(client: KubeClient, ownerOf: (pod: Pod) => string | undefined, signal: AbortSignal): Promise<Arrivals> {
    const arrivals = new Arrivals(ownerOf);
    // Until they are bound: what becomes of them is not this watch's business, and would cost as much as the rest.
    const selection = { namespace, fieldSelector: 'spec.nodeName=' };
    const { resourceVersion } = await client.list(pods, { ...selection, limit: 1 });
    arrivals.watch(client.watch(pods, { ...selection, resourceVersion, allowWatchBookmarks: true }, signal)).catch((error: unknown) => {
      if (!signal.aborted) arrivals.failure = error;
    });
    return arrivals;
  }

  get total(): number {
    return this.count;
  }

  /** The instant (performance.now) at which the deployment had `count` pods; undefined while it has fewer. */
  at(deployment: string, count: number): number | undefined {
    return this.times.get(deployment)?.[count - 1];
  }

  /** Waits until `done` is true. Fails after `timeoutMs` with `what` and how far it came, and when the watch broke. */
  async until(what: string, done: () => boolean, timeoutMs: number): Promise<void> {
    for (const until = performance.now() + timeoutMs; !done(); await sleep(5)) {
      if (this.failure) throw new Error('the watch of the benchmark broke', { cause: this.failure });
      if (performance.now() > until) throw new Error(`${what} did not happen within ${timeoutMs / 1000} s: ${this.count} pods are there`);
    }
  }

  private async watch(events: ReturnType<KubeClient['watch']>): Promise<void> {
    for await (const event of events) {
      if (event.type !== 'ADDED') continue;
      const pod = event.object as Pod;
      const owner = this.ownerOf(pod);
      const { uid = '' } = pod.metadata;
      if (owner === undefined || this.seen.has(uid)) continue;
      this.seen.add(uid);
      this.count += 1;
      this.times.set(owner, [...(this.times.get(owner) ?? []), performance.now()]);
    }
  }
}
