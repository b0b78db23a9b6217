import { isReplicaReady } from '../api/replica.ts';
import { type InformerCache, type Pod, pods } from '../kube/index.ts';
import { alone, type Rank } from './policies/slots.ts';

type PeersOptions = {
  /** Labels of the gateways' pods. */
  readonly selector: string;
  /** Where those pods are; everywhere when undefined. */
  readonly namespace: string | undefined;
  /** Name of this gateway's pod. */
  readonly own: string;
};

/**
 * The gateways that share the replicas and the limits: those whose pods are ready, and this one, ready or not. Until the pods have been
 * read, and where they cannot be, this one takes itself for the only one.
 */
export class Peers {
  private readonly ready = new Set<string>();
  private readonly listeners = new Set<(rank: Rank) => void>();
  private readonly own: string;
  private known: Rank = alone;

  constructor(own: string) {
    this.own = own;
  }

  /** Follows the gateways' pods; whoever owns the cache runs it. */
  static watch(cache: InformerCache, { selector, namespace, own }: PeersOptions): Peers {
    const peers = new Peers(own);
    const informer = cache.informer(pods, { ...(namespace !== undefined && { namespace }), labelSelector: selector });
    informer.addHandler({
      add: (pod) => peers.note(pod),
      update: (pod) => peers.note(pod),
      delete: ({ metadata }) => peers.set(metadata.name, false),
    });
    return peers;
  }

  get rank(): Rank {
    return this.known;
  }

  /** Calls `onChange` with the rank when it changes, until the function that it returns is called. */
  subscribe(onChange: (rank: Rank) => void): () => void {
    const listener = (rank: Rank) => onChange(rank);
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  set(name: string, ready: boolean): void {
    if (name === this.own) return;
    if (ready) this.ready.add(name);
    else this.ready.delete(name);
    // By name, because all gateways see the same names: each finds its own place in the same order.
    const rank = [...this.ready].filter((other) => other < this.own).length;
    const gateways = this.ready.size + 1;
    if (rank === this.known.rank && gateways === this.known.gateways) return;
    this.known = { rank, gateways };
    for (const listener of this.listeners) listener(this.known);
  }

  private note(pod: Pod): void {
    this.set(pod.metadata.name, isReplicaReady(pod));
  }
}
