import type { Clock, Random } from '../../core/clock.ts';
import { errors } from '../../core/errors.ts';
import { describeError } from '../../core/failure.ts';
import type { Logger } from '../../core/logger.ts';
import { day, month } from './calendar.ts';
import type { Gate } from './gate.ts';
import { MemoryStore } from './memory-store.ts';
import { RedisLink } from './redis-link.ts';
import { renewScript, reserveScript, settleScript } from './redis-scripts.ts';
import type { Demand, LimitStore, Reading, Verdict } from './store.ts';

/** A place among the running requests is kept for this long after the last sign of its gateway, and renewed this often. */
const leaseMs = 60_000;
const renewMs = 20_000;

/** A store that was gone is tried after this long, at a time of each gateway's own within the spread. */
const restMs = 250;
const returnSpreadMs = 1_500;

/** For this long after an outage the local count must agree too: the store may have forgotten the minute before it. */
const distrustMs = 61_000;

/** How many ended requests are remembered for a store that is gone. */
const maxOwed = 10_000;

/** What the store needs; `gateways` tells how many share the limits. */
export type RedisStoreOptions = {
  /** `redis://` or `rediss://`; it may hold a password and is never shown. */
  readonly url: string;
  readonly clock: Pick<Clock, 'now'>;
  readonly random: Random;
  readonly logger: Logger;
  readonly gateways: () => number;
};

type Owed = { readonly demand: Demand; readonly takenAt: number; readonly change: number };

/**
 * The limits of all gateways together, counted in Redis or Valkey: one script decides about all gates of a request. While the store
 * is gone each limit does what its policy says; what this gateway let through is counted here all the time, so that an outage
 * does not begin, nor end, with an empty count.
 */
export class RedisStore implements LimitStore {
  private readonly link: RedisLink;
  private readonly local: MemoryStore;
  private readonly running = new Map<string, readonly string[]>();
  private readonly owed: Owed[] = [];
  private readonly options: RedisStoreOptions;
  private readonly renewing: NodeJS.Timeout;
  private lost = false;
  private closed = false;
  private distrustUntil = 0;
  private returning: NodeJS.Timeout | undefined;

  constructor(options: RedisStoreOptions) {
    this.options = options;
    const share = () => (this.lost || options.clock.now() < this.distrustUntil ? options.gateways() : 1);
    this.local = new MemoryStore(options.clock, share);
    this.link = new RedisLink(options.url, options.random, {
      loss: (cause) => this.lose(cause),
      ready: () => this.returnLater(),
    });
    this.renewing = setInterval(() => this.renew(), renewMs).unref();
  }

  /** Whether the limits of all gateways are counted together now. */
  get shared(): boolean {
    return this.link.ready && !this.lost;
  }

  reserve(demand: Demand): Verdict | Promise<Verdict> {
    if (!this.link.ready) this.lose(new Error('there is no connection'));
    if (this.lost) return this.alone(demand);
    if (this.options.clock.now() < this.distrustUntil) {
      const own = this.local.reserve(demand);
      return own.granted ? this.ask(demand, true) : own;
    }
    return this.ask(demand, false);
  }

  settle(demand: Demand, takenAt: number, tokens: number): void {
    this.local.settle(demand, takenAt, tokens);
    // What was let through without the store has taken nothing there yet.
    const change = this.running.delete(demand.lease) ? tokens - demand.tokens : tokens;
    const owed: Owed = { demand, takenAt, change };
    if (this.shared) this.pay(owed);
    else this.owe(owed);
  }

  /** Ends the connection once what was settled has arrived; requests that still run are settled no more. */
  async close(): Promise<void> {
    this.closed = true;
    clearInterval(this.renewing);
    clearTimeout(this.returning);
    await this.link.close();
  }

  private async ask(demand: Demand, counted: boolean): Promise<Verdict> {
    const { gates, tokens, lease } = demand;
    try {
      const answer = await this.link.run(reserveScript, gates.map(keyOf), [tokens, lease, leaseMs, ...gates.flatMap(argsOf)]);
      const verdict = readVerdict(gates, answer);
      if (verdict.granted) {
        this.running.set(lease, gates.filter(({ name }) => name === 'concurrency').map(keyOf));
        if (!counted) this.local.note(demand);
      } else if (counted) this.local.settle(demand, verdict.at, 0);
      return verdict;
    } catch (cause) {
      this.lose(cause);
      if (counted) this.local.settle(demand, this.options.clock.now(), 0);
      return this.alone(demand);
    }
  }

  /** Decides without the store. Throws where a limit would rather refuse than guess. */
  private alone(demand: Demand): Verdict {
    if (demand.gates.some(({ onOutage }) => onOutage === 'Refuse')) throw errors.limitsUnavailable().withHeaders({ 'retry-after': '2' });
    return this.local.reserve(demand);
  }

  private lose(cause: unknown): void {
    if (this.closed || this.lost) return;
    this.lost = true;
    this.returnLater();
    this.options.logger.warn(
      { cause: describeError(cause) },
      'the shared store of limits is gone: limits hold by the share of this gateway, or refuse',
    );
  }

  /** Not at once, and not all gateways together: a server that has just come back would have them all in one moment. */
  private returnLater(): void {
    if (this.closed || !this.lost) return;
    clearTimeout(this.returning);
    this.returning = setTimeout(
      () => {
        // Without a connection there is nothing to try: its return brings us here again.
        if (this.link.ready) this.link.ping().then(this.comeBack, () => this.returnLater());
      },
      restMs + this.options.random() * returnSpreadMs,
    ).unref();
  }

  private readonly comeBack = (): void => {
    if (this.closed || !this.lost) return;
    this.lost = false;
    this.distrustUntil = this.options.clock.now() + distrustMs;
    this.options.logger.info({ owed: this.owed.length }, 'the shared store of limits is back');
    this.renew();
    for (const owed of this.owed.splice(0)) this.pay(owed);
  };

  private pay(owed: Owed): void {
    const { gates, lease } = owed.demand;
    const args = [owed.change, lease, owed.takenAt, ...gates.flatMap(argsOf)];
    this.link.run(settleScript, gates.map(keyOf), args).catch((cause: unknown) => {
      this.lose(cause);
      this.owe(owed);
    });
  }

  private owe(owed: Owed): void {
    if (this.owed.length < maxOwed && !this.closed) this.owed.push(owed);
  }

  /** Tells the store which requests still run here, also those that it has forgotten. */
  private renew(): void {
    if (!this.shared) return;
    for (const [lease, keys] of this.running) {
      if (keys.length === 0) continue;
      this.link.run(renewScript, keys, [lease, leaseMs]).catch((cause: unknown) => this.lose(cause));
    }
  }
}

function keyOf({ key }: Gate): string {
  return key;
}

function argsOf({ name, limit }: Gate): (string | number)[] {
  return [name, limit];
}

function readVerdict(gates: readonly Gate[], answer: unknown): Verdict {
  if (!Array.isArray(answer) || answer.length !== 2 + gates.length * 3) throw new TypeError('the store of limits answered something else');
  const numbers = answer.map(Number);
  const at = numbers[1] ?? 0;
  const readings = gates.map((gate, index): Reading => {
    const [remaining = 0, resetMs = 0, waitMs = 0] = numbers.slice(2 + index * 3);
    return { gate, remaining, resetMs: orEnd(resetMs, gate, at), waitMs: orEnd(waitMs, gate, at) };
  });
  return { granted: numbers[0] === 1, readings, at };
}

/** The store leaves it to us to say when a day or a month ends. */
function orEnd(ms: number, { name }: Gate, at: number): number {
  if (ms >= 0) return ms;
  return (name === 'tokensPerDay' ? day : month).endOf(at) - at;
}
