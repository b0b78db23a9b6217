import type { Clock, Random } from '../../core/clock.ts';
import { errors } from '../../core/errors.ts';
import { describeError } from '../../core/failure.ts';
import type { Logger } from '../../core/logger.ts';
import { type RedisAddress, RedisLink } from '../redis/link.ts';
import { MemoryStore } from './memory-store.ts';
import { Owed } from './owed.ts';
import { countsRunning, type Settlement, SharedCounters } from './shared-counters.ts';
import type { Demand, LimitStore, Reading, Verdict } from './store.ts';

/** How often the store is told which requests still run: well within the life of their places. */
const renewMs = 20_000;

/** For this long after an outage the local count must agree too: the store may have forgotten the minute before it. */
const distrustMs = 61_000;

/** So much is asked at once where much is to be asked, so that requests need not wait for it. */
const batchSize = 64;

/** What the store needs; `gateways` tells how many share the limits. */
export type RedisStoreOptions = RedisAddress & {
  readonly clock: Pick<Clock, 'now'>;
  readonly random: Random;
  readonly logger: Logger;
  readonly gateways: () => number;
};

/**
 * The limits of all gateways together, counted in Redis or Valkey: one script decides about all gates of a request. While the store
 * is gone each limit does what its policy says; what this gateway let through is counted here all the time, so that an outage
 * does not begin, nor end, with an empty count.
 */
export class RedisStore implements LimitStore {
  private readonly link: RedisLink;
  private readonly counters: SharedCounters;
  private readonly local: MemoryStore;
  /** Requests that the store let through and that still run. */
  private readonly running = new Set<Demand>();
  private readonly options: RedisStoreOptions;
  private readonly renewing: NodeJS.Timeout;
  private readonly owed = new Owed();
  private distrustUntil = 0;

  constructor(options: RedisStoreOptions) {
    this.options = options;
    const { clock, random } = options;
    this.link = new RedisLink(options, random, { lost: (cause) => this.lost(cause), back: () => this.back() });
    this.counters = new SharedCounters(this.link, clock);
    this.local = new MemoryStore(clock, () => (this.shared && clock.now() >= this.distrustUntil ? 1 : options.gateways()));
    this.renewing = setInterval(() => void this.renew(), renewMs).unref();
  }

  /** Whether the limits of all gateways are counted together now. */
  get shared(): boolean {
    return this.link.usable;
  }

  reserve(demand: Demand): Verdict | Promise<Verdict> {
    if (!this.shared) {
      this.link.lose(new Error('there is no connection'));
      return this.alone(demand);
    }
    if (this.options.clock.now() >= this.distrustUntil) return this.ask(demand);
    const own = this.local.reserve(demand);
    return own.granted ? this.ask(demand, own) : own;
  }

  settle(demand: Demand, takenAt: number, tokens: number): void {
    this.local.settle(demand, takenAt, tokens);
    // What was let through without the store has taken nothing there yet.
    const change = this.running.delete(demand) ? tokens - demand.tokens : tokens;
    const settlement: Settlement = { demand, takenAt, change };
    if (this.shared) void this.pay(settlement);
    else this.owed.add(settlement);
  }

  /** As all gateways count them together; while the store is gone, what this gateway still gives. */
  async standing(): Promise<readonly Reading[]> {
    const own = this.local.standing();
    const readings: Reading[] = [];
    for (let next = 0; next < own.length && this.shared; next += batchSize) {
      const asked = own.slice(next, next + batchSize).map(({ gate }) => this.counters.read(gate));
      readings.push(...(await Promise.all(asked).catch((cause: unknown) => this.unread(cause))));
    }
    return readings.length === own.length ? readings : this.local.standing();
  }

  /** Ends the connection once what was settled has arrived; requests that still run are settled no more. */
  async close(): Promise<void> {
    clearInterval(this.renewing);
    await this.payBack();
    await this.link.close();
  }

  /** Asks the store about a request that this gateway has not counted, or that passes as its `own` count has found. */
  private async ask(demand: Demand, own?: Verdict): Promise<Verdict> {
    try {
      const verdict = await this.counters.reserve(demand);
      if (verdict.granted) {
        this.running.add(demand);
        if (!own) this.local.note(demand);
      } else if (own) this.local.undo(demand, own.at);
      else this.local.see(demand.gates);
      return verdict;
    } catch (cause) {
      this.link.lose(cause);
      if (own) this.local.undo(demand, own.at);
      return this.alone(demand);
    }
  }

  /** Decides without the store. Throws where a limit would rather refuse than guess. */
  private alone(demand: Demand): Verdict {
    if (demand.gates.some(({ onOutage }) => onOutage === 'Refuse')) throw errors.limitsUnavailable().withHeaders({ 'retry-after': '2' });
    return this.local.reserve(demand);
  }

  private lost(cause: unknown): void {
    this.options.logger.warn(
      { cause: describeError(cause) },
      'the shared store of limits is gone: limits hold by the share of this gateway, or refuse',
    );
  }

  private back(): void {
    const { clock, logger } = this.options;
    this.distrustUntil = clock.now() + distrustMs;
    logger.info({ owed: this.owed.size }, 'the shared store of limits is back');
    void this.renew();
    void this.payBack();
  }

  private async payBack(): Promise<void> {
    while (this.owed.size > 0 && this.shared) {
      await Promise.all(this.owed.take(batchSize).map((settlement) => this.pay(settlement)));
    }
  }

  private pay(settlement: Settlement): Promise<void> {
    return this.counters.settle(settlement).catch((cause: unknown) => {
      this.link.lose(cause);
      this.owed.add(settlement);
    });
  }

  /** Tells the store which requests still run here, also those that it has forgotten. */
  private async renew(): Promise<void> {
    const counted = [...this.running].filter(({ gates }) => gates.some(countsRunning));
    for (let next = 0; next < counted.length && this.shared; next += batchSize) {
      const batch = counted.slice(next, next + batchSize).filter((demand) => this.running.has(demand));
      await Promise.all(batch.map((demand) => this.counters.renew(demand))).catch((cause: unknown) => this.link.lose(cause));
    }
  }

  private unread(cause: unknown): readonly Reading[] {
    this.link.lose(cause);
    return [];
  }
}
