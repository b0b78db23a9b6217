import type { Clock } from '../../src/core/clock.ts';
import type { Source } from '../../src/kube/index.ts';
import type { Demand } from '../demand/demand.ts';
import type { DemandWatch } from '../demand/demand-watch.ts';
import type { Replica } from '../modeldeployment/replica.ts';

const lookMs = 1_000;

type Entry = { readonly since: number; readonly ready: ReadonlySet<string> };

/**
 * Remembers since when nobody has asked for a model. It is forgotten with the process: who takes over begins to count anew,
 * for he cannot know what was before; so a model may go to sleep too late, never too early.
 */
export class Silence {
  private readonly demand: Pick<DemandWatch, 'of' | 'all'>;
  private readonly clock: Clock;
  /** When there was a request last. */
  private readonly asked = new Map<string, number>();
  private readonly entries = new Map<string, Entry>();
  /** Since when all gateways have been heard. */
  private heardSince: number;

  constructor(demand: Pick<DemandWatch, 'of' | 'all'>, clock: Clock) {
    this.demand = demand;
    this.clock = clock;
    this.heardSince = clock.now();
  }

  /** Since when the model `namespace/name`, which has these replicas and is awake, has been silent; milliseconds. */
  since(key: string, replicas: readonly Replica[]): number {
    const now = this.clock.now();
    this.note(this.demand.of(key), key, now);
    const before = this.entries.get(key);
    const ready = new Set(replicas.filter((replica) => replica.ready).map(({ uid }) => uid));
    const isNews = before === undefined || replicas.some(isBusy) || [...ready].some((uid) => !before.ready.has(uid));
    const since = isNews ? now : before.since;
    this.entries.set(key, { since, ready });
    return Math.max(since, this.heardSince, this.asked.get(key) ?? 0);
  }

  /** Whether there is no request now, as far as that can be known. */
  isSilent(key: string, replicas: readonly Replica[]): boolean {
    const demand = this.demand.of(key);
    return isHeard(demand) && demand.inSystem === 0 && !replicas.some(isBusy);
  }

  /** It sleeps, or is gone: when it is awake again, its silence begins anew. */
  forget(key: string): void {
    this.entries.delete(key);
    this.asked.delete(key);
  }

  /** Looks at the demand all the time: a request that finds a replica ready is no news to a controller. Enqueues nothing. */
  source(): Source {
    return {
      start: () => {
        const stop = new AbortController();
        void this.watch(stop.signal);
        return () => stop.abort();
      },
      synced: () => Promise.resolve(),
    };
  }

  private async watch(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.look();
      await this.clock.sleep(lookMs, signal).catch(() => {}); // aborted: the loop sees it
    }
  }

  private look(): void {
    const now = this.clock.now();
    // What is true of one model's gateways is true of all.
    if (!isHeard(this.demand.of(''))) this.heardSince = now;
    for (const [key, demand] of this.demand.all()) this.note(demand, key, now);
  }

  /** What a gateway has told of a request is forgotten with the gateway, and half a minute later: it is remembered here. */
  private note(demand: Demand, key: string, now: number): void {
    if (!isHeard(demand)) this.heardSince = now;
    if (demand.askedAt !== undefined) this.asked.set(key, Math.max(demand.askedAt, this.asked.get(key) ?? 0));
  }
}

function isHeard({ gateways, stale }: Demand): boolean {
  return gateways > 0 && !stale;
}

function isBusy({ inFlight, waiting }: Replica): boolean {
  return inFlight + waiting > 0;
}
