import { afterLine, type Demand, demandFor, newsOf, type Part, sumDemand } from '../../controllers/demand/demand.ts';
import type { RequestCounts } from '../api/gateway-stats.ts';
import type { Clock } from '../core/clock.ts';

/** How often the gateway is looked at, as often as its stream would tell. */
const lookMs = 250;

type LocalDemandOptions = {
  /** How many requests of each model are at the gateway now. */
  readonly requests: () => ReadonlyMap<string, RequestCounts>;
  readonly clock: Clock;
};

/** Knows how many requests of each model are at the gateway of this process: what DemandWatch is to gateways elsewhere. */
export class LocalDemand {
  readonly name = 'local-demand';
  private readonly options: LocalDemandOptions;
  private readonly listeners = new Set<(model: string) => void>();
  private known: Part['models'] = new Map();

  constructor(options: LocalDemandOptions) {
    this.options = options;
  }

  /** The demand for a model, `namespace/name`. */
  of(model: string): Demand {
    return demandFor(model, [this.part()], this.options.clock.now());
  }

  /** The demand for every model that has requests at the gateway. */
  all(): ReadonlyMap<string, Demand> {
    return sumDemand([this.part()], this.options.clock.now());
  }

  /** Calls `onNews` with each model of which more or fewer requests wait, until the function that it returns is called. */
  subscribe(onNews: (model: string) => void): () => void {
    const listener = (model: string) => onNews(model);
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Tells the news until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.options.clock.sleep(lookMs, signal).catch(() => {}); // aborted: the loop sees it
      const before = this.known;
      this.known = this.look();
      for (const model of newsOf(before, this.known)) for (const listener of this.listeners) listener(model);
    }
  }

  private part(): Part {
    const now = this.options.clock.now();
    return { ready: true, since: now, heardAt: now, models: this.look() };
  }

  private look(): Part['models'] {
    const { requests, clock } = this.options;
    return afterLine(this.known, { full: true, models: Object.fromEntries(requests()) }, clock.now());
  }
}
