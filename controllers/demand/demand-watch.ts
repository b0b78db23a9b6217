import { statsPortName } from '../../src/api/gateway-stats.ts';
import { isReplicaReady } from '../../src/api/replica.ts';
import { type Clock, type Random, systemClock } from '../../src/core/clock.ts';
import type { Logger } from '../../src/core/logger.ts';
import type { TokenFile } from '../../src/core/token-file.ts';
import { type Informer, keyOf, type Pod } from '../../src/kube/index.ts';
import { type Demand, demandFor, type Part, standingOf, sumDemand } from './demand.ts';
import { GatewayLink } from './gateway-link.ts';
import { readStats, type StatsAddress } from './stats-client.ts';

/** How often it is looked which gateways are no longer heard. */
const lookMs = 1_000;

export type DemandWatchOptions = {
  /** The pods of the gateways; whoever owns the cache runs it. */
  readonly gateways: Pick<Informer<Pod>, 'addHandler'>;
  /** What the gateways know us by. */
  readonly tokens: Pick<TokenFile, 'read'>;
  readonly clock?: Clock | undefined;
  readonly random?: Random | undefined;
  readonly logger: Logger;
};

type Entry = { readonly link: GatewayLink; readonly stop: AbortController };

/** Knows how many requests of each model are at the gateways, by a stream from each of them. */
export class DemandWatch {
  readonly name = 'demand-watch';
  private readonly options: DemandWatchOptions;
  private readonly clock: Clock;
  private readonly entries = new Map<string, Entry>();
  private readonly ending = new Set<Promise<void>>();
  private readonly listeners = new Set<(model: string) => void>();

  constructor(options: DemandWatchOptions) {
    this.options = options;
    this.clock = options.clock ?? systemClock;
  }

  /** The demand for a model, `namespace/name`. */
  of(model: string): Demand {
    return demandFor(model, this.parts(), this.clock.now());
  }

  /** The demand for every model that has requests at a gateway. */
  all(): ReadonlyMap<string, Demand> {
    return sumDemand(this.parts(), this.clock.now());
  }

  /** How long ago each gateway was heard, or became known if it never was; one that neither is heard nor may have callers is left out. */
  ages(): readonly { readonly gateway: string; readonly ageMs: number }[] {
    const now = this.clock.now();
    return [...this.entries.values()].flatMap(({ link: { name, part } }) =>
      standingOf(part, now) === 'gone' ? [] : [{ gateway: name, ageMs: now - (part.heardAt ?? part.since) }],
    );
  }

  /** Calls `onNews` with each model of which more or fewer requests wait, or other replicas hang, until the function that it returns is called. */
  subscribe(onNews: (model: string) => void): () => void {
    const listener = (model: string) => onNews(model);
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Keeps a stream to every gateway until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const removeHandler = this.options.gateways.addHandler({
      add: (pod) => this.follow(pod),
      update: (pod, old) => {
        if (idOf(old) !== idOf(pod)) this.drop(idOf(old));
        this.follow(pod);
      },
      delete: (pod) => this.drop(idOf(pod)),
    });
    while (!signal.aborted) {
      await this.clock.sleep(lookMs, signal).catch(() => {}); // aborted: the loop sees it
      for (const { link } of this.entries.values()) link.look();
    }
    removeHandler();
    for (const id of [...this.entries.keys()]) this.drop(id);
    await Promise.all(this.ending);
  }

  private parts(): readonly Part[] {
    return [...this.entries.values()].map(({ link }) => link.part);
  }

  /** Opens the stream to a gateway's pod once it has an address, and anew when that changes. One that is about to go still has requests. */
  private follow(pod: Pod): void {
    const id = idOf(pod);
    const address = addressOf(pod);
    const known = this.entries.get(id)?.link;
    if (known && (known.address.host !== address?.host || known.address.port !== address.port)) this.drop(id);
    if (!address) return;
    const ready = isReplicaReady(pod);
    const link = this.entries.get(id)?.link;
    if (link) link.ready = ready;
    else this.open(id, new GatewayLink(keyOf(pod), address, ready, this.linkOptions()));
  }

  private linkOptions() {
    const { tokens, random = Math.random, logger } = this.options;
    const onNews = (models: readonly string[]) => {
      for (const model of models) for (const listener of this.listeners) listener(model);
    };
    return { tokens, readStats, onNews, clock: this.clock, random, logger };
  }

  private open(id: string, link: GatewayLink): void {
    const stop = new AbortController();
    const ended = link
      .run(stop.signal)
      .catch((error: unknown) => this.options.logger.error({ err: error }, 'a stream of stats ended for good'))
      .finally(() => this.ending.delete(ended));
    this.ending.add(ended);
    this.entries.set(id, { link, stop });
  }

  private drop(id: string): void {
    const entry = this.entries.get(id);
    if (!entry) return;
    this.entries.delete(id);
    entry.stop.abort();
    entry.link.forget();
  }
}

function idOf({ metadata }: Pod): string {
  return metadata.uid ?? keyOf({ metadata });
}

/** Undefined while the pod has no address, and once it has ended. */
function addressOf({ spec, status }: Pod): StatsAddress | undefined {
  const ports = spec?.containers.flatMap((container) => container.ports ?? []) ?? [];
  const port = ports.find(({ name }) => name === statsPortName)?.containerPort;
  const host = status?.podIP;
  const hasEnded = status?.phase === 'Succeeded' || status?.phase === 'Failed';
  return host && port !== undefined && !hasEnded ? { host, port } : undefined;
}
