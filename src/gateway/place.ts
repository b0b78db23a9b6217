import type { Refusal } from './policies/admission.ts';
import type { Avoided } from './policies/balance.ts';
import type { Charge } from './queue/fair-queue.ts';
import type { Waiter } from './queue/token-counter.ts';
import type { Replica } from './replica.ts';
import { after } from './timers.ts';

/** How a request's wait ended: with a slot of a replica, or without. */
export type Turn = { readonly kind: 'lease'; readonly lease: Lease } | { readonly kind: 'refused'; readonly why: Refusal };

/** How a request waits: `held` while no replica is ready, `queued` while one is. */
export type Waiting = 'held' | 'queued';

/** How long a request waits at most. */
type Patience = {
  /** While no replica is ready: in all, however often that changes. */
  readonly holdMs: number;
  /** The same while one is. */
  readonly queueMs: number;
  /** And both together. */
  readonly totalMs: number;
};

/** What a request brings into the line. */
export type Terms = Waiter &
  Patience & {
    /** Requests with the same go to the same replica where they can; undefined where that is not wanted. */
    readonly affinity?: number | undefined;
    /** Id of the replica that alone can do it, as long as it is ready. */
    readonly home?: string | undefined;
    /** The adapter that a replica must have loaded. */
    readonly adapter?: string | undefined;
  };

/** A slot of a replica, held from the pick until the answer's end. */
export class Lease {
  readonly replica: Replica;
  /** The replica's epoch at the pick. */
  readonly epoch: number;
  readonly grantedAt: number;
  /** What the request may cost. */
  readonly tokens: number;
  private readonly charge: Charge;
  private readonly onRelease: (lease: Lease, answered: boolean) => void;
  private held = true;

  constructor(replica: Replica, grantedAt: number, tokens: number, charge: Charge, onRelease: (lease: Lease, answered: boolean) => void) {
    this.replica = replica;
    this.epoch = replica.epoch;
    this.grantedAt = grantedAt;
    this.tokens = tokens;
    this.charge = charge;
    this.onRelease = onRelease;
    replica.inFlight += 1;
    replica.tokens += tokens;
  }

  /** What was counted of the answer takes the place of what was expected. Call it before the release. */
  settle(promptTokens: number, outputTokens: number): void {
    if (this.held) this.charge.settle(promptTokens, outputTokens);
  }

  /** Gives the slot to the next in line; `answered` is false when the replica did nothing for it. Only the first call counts. */
  release(answered = true): void {
    if (!this.held) return;
    this.held = false;
    this.replica.inFlight -= 1;
    this.replica.tokens -= this.tokens;
    this.charge.finish();
    this.onRelease(this, answered);
  }
}

/** A request's place in line. Settles once. */
export class Place implements Waiter {
  turn: Turn | undefined;
  readonly tenant: string;
  readonly weight: number;
  readonly priority: number;
  readonly promptTokens: number;
  readonly tokens: number;
  readonly avoided: Avoided<Replica> | undefined;
  readonly affinity: number | undefined;
  readonly home: string | undefined;
  readonly adapter: string | undefined;
  /** It has waited for a load. */
  wasHeld = false;
  private readonly patience: Patience;
  /** What is left of it. Made when it first waits: most never do. */
  private leftMs: { held: number; queued: number; total: number } | undefined;
  private waiting: Waiting | undefined;
  private since = 0;
  private waiter: { wake(turn: Turn): void } | undefined;
  private readonly onLeave: (place: Place) => void;
  private timer: NodeJS.Timeout | undefined;

  constructor(terms: Terms, avoided: Avoided<Replica> | undefined, onLeave: (place: Place) => void) {
    this.patience = terms;
    this.tenant = terms.tenant;
    this.weight = terms.weight;
    this.priority = terms.priority;
    this.promptTokens = terms.promptTokens;
    this.tokens = terms.tokens;
    this.affinity = terms.affinity;
    this.home = terms.home;
    this.adapter = terms.adapter;
    this.avoided = avoided;
    this.onLeave = onLeave;
  }

  /** Not every replica will do. */
  get isBound(): boolean {
    return this.home !== undefined || this.adapter !== undefined;
  }

  /** The turn, now or when it comes. */
  wait(): Turn | Promise<Turn> {
    if (this.turn) return this.turn;
    return new Promise((resolve) => {
      this.waiter = { wake: resolve };
    });
  }

  /** Lets the patience run that it has for this kind of waiting. */
  waitAs(waiting: Waiting, now: number): void {
    const { holdMs, queueMs, totalMs } = this.patience;
    this.leftMs ??= { held: holdMs, queued: queueMs, total: totalMs };
    const { leftMs } = this;
    if (this.waiting) {
      leftMs[this.waiting] -= now - this.since;
      leftMs.total -= now - this.since;
    }
    this.waiting = waiting;
    this.since = now;
    if (waiting === 'held') this.wasHeld = true;
    clearTimeout(this.timer);
    this.timer = after(Math.min(leftMs[waiting], leftMs.total), () => this.leave('overdue'));
  }

  settle(turn: Turn): void {
    if (this.timer) clearTimeout(this.timer);
    this.turn = turn;
    this.waiter?.wake(turn);
  }

  /** Gives the place up; a slot that came already is given back. */
  leave(why: Refusal): void {
    if (this.turn?.kind === 'lease') this.turn.lease.release();
    if (this.turn) return;
    this.onLeave(this);
    this.settle({ kind: 'refused', why });
  }
}
