import type { Random } from '../core/clock.ts';
import { Balancer } from './balancer.ts';
import { Experience } from './experience.ts';
import { Lease, Place, type Terms, type Waiting } from './place.ts';
import { expectedWaitSeconds, inVain, overfull, type Refusal } from './policies/admission.ts';
import type { Avoided } from './policies/balance.ts';
import { alone, type Rank } from './policies/slots.ts';
import type { Availability, ServingLimits } from './ports.ts';
import { FairQueue } from './queue/fair-queue.ts';
import type { Waiter } from './queue/token-counter.ts';
import type { Replica } from './replica.ts';

/** A replica that is loading again is asked again after this long, unless the cluster tells more. */
const restMs = 1_000;

/**
 * The requests of one model in front of its replicas: fair between tenants, first come first served within one, bound late:
 * a request leaves only when a ready replica has a free slot, so that callers queue here, where they can be counted and refused, and not in the replicas.
 */
export class ModelLine {
  readonly experience: Experience;
  private readonly balancer: Balancer;
  private rank: Rank = alone;
  private limits: ServingLimits;
  private availability: Availability = 'serving';
  private readonly waiting = new FairQueue<Place>();
  /**
   * Who comes first wherever there is room for them: back from a replica that failed, or passed over because the one that they want is
   * busy. A set, because it keeps the order and lets anyone leave from the middle.
   */
  private readonly aside = new Set<Place>();
  /** How all of them wait now. */
  private waitingAs: Waiting = 'held';
  private readonly listeners = new Set<() => void>();
  private readonly now: () => number;
  private tokens = 0;

  constructor(limits: ServingLimits, random: Random, now: () => number) {
    this.limits = limits;
    this.now = now;
    this.experience = new Experience(now);
    this.balancer = new Balancer({ random, now, onRoom: () => this.changed() });
    this.balancer.configure(limits.maxConcurrencyPerReplica, this.rank);
  }

  get replicas(): Set<Replica> {
    return this.balancer.replicas;
  }

  get length(): number {
    return this.waiting.size + this.aside.size;
  }

  /** How many wait, by the priority of their tenants, of each priority that has been asked for. */
  get lengths(): ReadonlyMap<number, number> {
    const lengths = this.waiting.sizes;
    for (const { priority } of this.aside) lengths.set(priority, (lengths.get(priority) ?? 0) + 1);
    return lengths;
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

  /** Ready replicas that get nothing for a while, because they failed too often. */
  get ejectedReplicas(): number {
    return this.balancer.ejected;
  }

  /** Ids of the replicas that hang, in their order; undefined when none does. */
  get wedgedReplicas(): readonly string[] | undefined {
    let ids: string[] | undefined;
    for (const { wedged, id } of this.replicas) {
      if (!wedged) continue;
      ids ??= [];
      ids.push(id);
    }
    return ids;
  }

  /** What those who wait may cost in tokens; who stands aside is left out. */
  get queuedTokens(): number {
    return this.waiting.tokens;
  }

  /** What all that wait and run may cost in tokens. */
  get tokensInFlight(): number {
    return this.tokens;
  }

  /** Seconds until such a request might be served if it joined now. */
  expectedWaitSeconds(waiter: Waiter): number {
    return expectedWaitSeconds(this.aside.size + this.waiting.position(waiter), this.balancer.capacity, this.experience.expectedServiceMs);
  }

  /** Takes a place at the end of the line; it may have its slot already, or be refused already. */
  join(terms: Terms, now = this.now()): Place {
    this.experience.noteArrival(now);
    const place = new Place(terms, undefined, this.forget);
    const why = this.inVain();
    if (why) return refused(place, why);
    // Whoever stands aside cannot use what is free, so only those in `waiting` come first.
    if (this.waiting.size === 0 && this.tryServe(place, now)) return this.counted(place);
    if (!this.makeRoom(place)) return refused(place, 'full');
    if (this.waiting.size === 0 && place.isBound) this.aside.add(place);
    else this.waiting.enter(place);
    return this.letWait(place);
  }

  /** Takes a place before everybody who waits, for a request that a replica failed before it answered. */
  rejoin(terms: Terms, avoided: Avoided<Replica>): Place {
    const place = new Place(terms, avoided, this.forget);
    const why = this.inVain();
    if (why) return refused(place, why);
    if (this.tryServe(place, this.now())) return this.counted(place);
    this.aside.add(place);
    return this.letWait(place);
  }

  /** Calls `onNews` when the deployment has changed, until the function that it returns is called. */
  subscribe(onNews: () => void): () => void {
    const listener = () => onNews();
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Sends nothing to a replica whose engine does not run, for a moment. */
  rest(replica: Replica): void {
    replica.rest(restMs, () => this.changed());
  }

  /** How a replica did with this lease's request: it answered, or failed by its own fault. What it did before it became ready anew no longer counts. */
  judge({ replica, epoch }: Lease, verdict: 'answered' | 'failed'): 'ejected' | undefined {
    return replica.epoch === epoch ? this.balancer.judge(replica, verdict) : undefined;
  }

  /** A replica hangs: others get what it would have got. */
  leaveAlone(replica: Replica): void {
    this.balancer.leaveAlone(replica);
  }

  /** Whether a replica other than the avoided ones is ready, free or not. */
  hasOther(avoided: Avoided<Replica>): boolean {
    return this.balancer.hasOther(avoided);
  }

  configure(limits: ServingLimits, availability: Availability): void {
    this.limits = limits;
    this.availability = availability;
    this.balancer.configure(limits.maxConcurrencyPerReplica, this.rank);
    this.changed();
    for (const listener of this.listeners) listener();
  }

  /** Shares the replicas' slots with other gateways. */
  setRank(rank: Rank): void {
    this.rank = rank;
    this.balancer.configure(this.limits.maxConcurrencyPerReplica, rank);
    this.changed();
  }

  /** Serves whom it can; call it after any change of the replicas. */
  changed(): void {
    if (this.length === 0) return;
    const why = this.inVain();
    if (why) {
      for (const place of [...this.aside, ...this.waiting]) place.leave(why);
      return;
    }
    this.turnPatience();
    const now = this.now();
    for (const place of this.aside) if (this.tryServe(place, now)) this.aside.delete(place);
    for (let place = this.waiting.next(); place; place = this.waiting.next()) {
      if (this.tryServe(place, now)) continue;
      // Nobody else in this queue wants or avoids a replica, so what the first cannot have, nobody behind can.
      if (!place.isBound) break;
      this.waiting.remove(place);
      this.aside.add(place);
    }
    if (this.length > 0) this.balancer.watchRamp();
  }

  /** The deployment is deleted: nobody waits any more, also who comes back. What runs goes on. */
  close(): void {
    this.configure(this.limits, 'deleted');
  }

  private inVain(): Refusal | undefined {
    // Asked for each request: only where a deployment does not serve is it worth counting.
    return this.availability === 'serving' ? undefined : inVain(this.availability, this.readyReplicas);
  }

  private tryServe(place: Place, now: number): boolean {
    const replica = this.balancer.choose(place, now);
    if (!replica) return false;
    const charge = this.waiting.serve(place, place.avoided !== undefined);
    const lease = new Lease(replica, now, place.tokens, charge, this.released);
    place.settle({ kind: 'lease', lease });
    return true;
  }

  /** Whether the newcomer may wait: somebody of a tenant with more requests, or of a lower priority, may have to yield. */
  private makeRoom(place: Place): boolean {
    const { maxQueue, maxQueueTokens } = this.limits;
    // They may all come to stand aside, where nobody yields.
    if (place.isBound && this.length >= maxQueue) return false;
    const { size, tokens } = this.waiting;
    const seen = { waiting: size, waitingTokens: tokens, tokens: place.tokens, maxQueue, maxQueueTokens };
    const measure = overfull(seen);
    if (!measure) return true;
    const yielding = this.waiting.yielding(place, measure);
    if (!yielding || overfull({ ...seen, waiting: size - 1, waitingTokens: tokens - yielding.tokens })) return false;
    yielding.leave('full');
    return true;
  }

  private letWait(place: Place): Place {
    this.turnPatience();
    this.balancer.watchRamp();
    place.waitAs(this.waitingAs, this.now());
    return this.counted(place);
  }

  /** Another patience runs from the moment on in which the first replica is ready, or the last one no longer. */
  private turnPatience(): void {
    const waitingAs = this.readyReplicas === 0 ? 'held' : 'queued';
    if (waitingAs === this.waitingAs) return;
    this.waitingAs = waitingAs;
    for (const places of [this.aside, this.waiting]) for (const place of places) place.waitAs(waitingAs, this.now());
  }

  private counted(place: Place): Place {
    this.tokens += place.tokens;
    return place;
  }

  // Functions of the line, not of each request.
  private readonly released = ({ tokens, grantedAt }: Lease, answered: boolean): void => {
    this.tokens -= tokens;
    if (answered) this.experience.noteAnswer(this.now() - grantedAt);
    this.changed();
  };

  private readonly forget = (place: Place): void => {
    if (!this.aside.delete(place)) this.waiting.remove(place);
    this.tokens -= place.tokens;
  };
}

function refused(place: Place, why: Refusal): Place {
  place.settle({ kind: 'refused', why });
  return place;
}
