import type { Random } from '../core/clock.ts';
import { admit, expectedWaitSeconds, inVain, type Refusal } from './policies/admission.ts';
import { type Avoided, eligible, leastLoaded } from './policies/balance.ts';
import type { Availability, ServingLimits } from './ports.ts';
import type { Replica } from './replica.ts';
import { after } from './timers.ts';

/** A replica that is loading again is asked again after this long, unless the cluster tells more. */
const restMs = 1_000;

/** How a request's wait ended: with a slot of a replica, or without. */
export type Turn = { readonly kind: 'lease'; readonly lease: Lease } | { readonly kind: 'refused'; readonly why: Refusal };

/** A slot of a replica, held from the pick until the answer's end. */
export class Lease {
  readonly replica: Replica;
  /** The replica's epoch at the pick. */
  readonly epoch: number;
  private readonly onRelease: () => void;
  private held = true;

  constructor(replica: Replica, onRelease: () => void) {
    this.replica = replica;
    this.epoch = replica.epoch;
    this.onRelease = onRelease;
    replica.inFlight += 1;
  }

  /** Gives the slot to the next in line; only the first call counts. */
  release(): void {
    if (!this.held) return;
    this.held = false;
    this.replica.inFlight -= 1;
    this.onRelease();
  }
}

/** A request's place in line. Settles once. */
export class Place {
  turn: Turn | undefined;
  readonly avoided: Avoided<Replica> | undefined;
  private wake: ((turn: Turn) => void) | undefined;
  private readonly onLeave: (place: Place) => void;
  private timer: NodeJS.Timeout | undefined;

  constructor(avoided: Avoided<Replica> | undefined, onLeave: (place: Place) => void) {
    this.avoided = avoided;
    this.onLeave = onLeave;
  }

  /** The turn, now or when it comes. */
  wait(): Turn | Promise<Turn> {
    if (this.turn) return this.turn;
    return new Promise((resolve) => {
      this.wake = resolve;
    });
  }

  expireAfter(ms: number): void {
    this.timer = after(ms, () => this.leave('overdue'));
  }

  settle(turn: Turn): void {
    clearTimeout(this.timer);
    this.turn = turn;
    this.wake?.(turn);
  }

  /** Gives the place up; a slot that came already is given back. */
  leave(why: Refusal): void {
    if (this.turn?.kind === 'lease') this.turn.lease.release();
    if (this.turn) return;
    this.onLeave(this);
    this.settle({ kind: 'refused', why });
  }
}

/**
 * The requests of one model in front of its replicas. First come, first served, bound late:
 * a request leaves only when a ready replica has a free slot, so that callers queue here, where they can be counted and refused, and not in the replicas.
 */
export class ModelLine {
  readonly replicas = new Set<Replica>();
  private limits: ServingLimits;
  private availability: Availability = 'serving';
  /** Sets, because they keep the order of arrival and let anyone leave from the middle. */
  private readonly waiting = new Set<Place>();
  private readonly returning = new Set<Place>();
  private readonly random: Random;
  private readonly now: () => number;
  private meanServiceMs = 1_000;

  constructor(limits: ServingLimits, random: Random, now: () => number) {
    this.limits = limits;
    this.random = random;
    this.now = now;
  }

  get length(): number {
    return this.waiting.size + this.returning.size;
  }

  get inFlight(): number {
    let total = 0;
    for (const replica of this.replicas) total += replica.inFlight;
    return total;
  }

  get readyReplicas(): number {
    let total = 0;
    for (const replica of this.replicas) if (replica.ready) total += 1;
    return total;
  }

  /** Seconds until somebody who joined now might be served. */
  get expectedWaitSeconds(): number {
    return expectedWaitSeconds(this.length + 1, this.readyReplicas * this.limits.maxConcurrencyPerReplica, this.meanServiceMs);
  }

  /** Takes a place at the end of the line for `patienceMs` at most; it may have its slot already, or be refused already. */
  join(patienceMs: number): Place {
    const place = new Place(undefined, this.forget);
    // Whoever came back and still waits cannot use what is free, so only those in `waiting` come first.
    if (this.waiting.size === 0 && !this.inVain() && this.tryServe(place)) return place;

    const why = admit({
      availability: this.availability,
      readyReplicas: this.readyReplicas,
      waiting: this.waiting.size,
      maxQueue: this.limits.maxQueue,
    });
    if (why) place.settle({ kind: 'refused', why });
    else {
      this.waiting.add(place);
      place.expireAfter(patienceMs);
    }
    return place;
  }

  /** Takes a place before everybody who waits, for a request that a replica failed before it answered. */
  rejoin(patienceMs: number, avoided: Avoided<Replica>): Place {
    const place = new Place(avoided, this.forget);
    const why = this.inVain();
    if (why) place.settle({ kind: 'refused', why });
    else if (!this.tryServe(place)) {
      this.returning.add(place);
      place.expireAfter(patienceMs);
    }
    return place;
  }

  /** Sends nothing to a replica whose engine does not run, for a moment. */
  rest(replica: Replica): void {
    replica.rest(restMs, () => this.changed());
  }

  /** Whether a replica other than the avoided ones is ready, free or not. */
  hasOther(avoided: Avoided<Replica>): boolean {
    for (const replica of this.replicas) if (eligible(replica, avoided)) return true;
    return false;
  }

  configure(limits: ServingLimits, availability: Availability): void {
    this.limits = limits;
    this.availability = availability;
    this.changed();
  }

  /** Serves whom it can; call it after any change of the replicas. */
  changed(): void {
    const why = this.inVain();
    if (why) {
      for (const place of [...this.returning, ...this.waiting]) place.leave(why);
      return;
    }
    for (const place of this.returning) if (this.tryServe(place)) this.returning.delete(place);
    for (const place of this.waiting) {
      // Nobody in this set avoids a replica, so what the first cannot have, nobody behind can.
      if (!this.tryServe(place)) return;
      this.waiting.delete(place);
    }
  }

  /** The deployment is deleted: nobody waits any more, also who comes back. What runs goes on. */
  close(): void {
    this.configure(this.limits, 'deleted');
  }

  private inVain(): Refusal | undefined {
    return inVain(this.availability, this.readyReplicas);
  }

  private tryServe(place: Place): boolean {
    const replica = leastLoaded(this.replicas, this.limits.maxConcurrencyPerReplica, this.random, place.avoided);
    if (!replica) return false;
    const grantedAt = this.now();
    const lease = new Lease(replica, () => {
      // An exponential mean over about the last ten answers.
      this.meanServiceMs += (this.now() - grantedAt - this.meanServiceMs) / 10;
      this.changed();
    });
    place.settle({ kind: 'lease', lease });
    return true;
  }

  private readonly forget = (place: Place): void => {
    this.waiting.delete(place);
    this.returning.delete(place);
  };
}
