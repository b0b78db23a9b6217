import { setTimeout as sleep } from 'node:timers/promises';
import { InformerCache, type KubeClient, type Pod, pods } from '../../../src/kube/index.ts';
import { namespace } from './testbed.ts';

/** When each pod of a deployment was there, by this process's clock and a watch of its own. */
export class Arrivals {
  private readonly times = new Map<string, number[]>();
  private readonly seen = new Set<string>();

  private constructor() {}

  /** Watches until `signal` aborts. */
  static async follow(client: KubeClient, ownerOf: (pod: Pod) => string | undefined, signal: AbortSignal): Promise<Arrivals> {
    const arrivals = new Arrivals();
    const cache = new InformerCache(client);
    // Until they are bound: what becomes of them is not this watch's business, and would cost as much as the rest.
    const informer = cache.informer(pods, { namespace, fieldSelector: 'spec.nodeName=', transform: ({ spec, ...pod }) => pod });
    informer.addHandler({ add: (pod) => arrivals.note(ownerOf(pod), pod.metadata.uid ?? '') });
    const running = cache.run(signal);
    running.catch(() => {}); // it ends with its signal alone
    await informer.synced(signal);
    return arrivals;
  }

  get total(): number {
    return this.seen.size;
  }

  /** The instant (performance.now) at which the deployment had `count` pods; undefined while it has fewer. */
  at(deployment: string, count: number): number | undefined {
    return this.times.get(deployment)?.[count - 1];
  }

  /** Waits until `done` is true. Fails after `timeoutMs` with `what` and how far it came. */
  async until(what: string, done: () => boolean, timeoutMs: number): Promise<void> {
    for (const until = performance.now() + timeoutMs; !done(); await sleep(5)) {
      if (performance.now() > until) throw new Error(`${what} did not happen within ${timeoutMs / 1000} s: ${this.total} pods were seen`);
    }
  }

  private note(owner: string | undefined, uid: string): void {
    if (owner === undefined || this.seen.has(uid)) return;
    this.seen.add(uid);
    this.times.set(owner, [...(this.times.get(owner) ?? []), performance.now()]);
  }
}
