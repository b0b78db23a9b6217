import type { Random } from '../core/clock.ts';
import { Balancer } from './balancer.ts';
import { Lease, Place, type Terms, type Waiting } from './place.ts';
import { expectedWaitSeconds, inVain, overfull, type Refusal } from './policies/admission.ts';
import type { Avoided } from './policies/balance.ts';
import { alone, type Rank } from './policies/slots.ts';
import { UsualOutput } from './policies/usual-output.ts';
import type { Availability, ServingLimits } from './ports.ts';
import { FairQueue } from './queue/fair-queue.ts';
import type { Waiter } from './queue/token-counter.ts';
import { RecentMean } from './recent-mean.ts';
import type { Replica } from './replica.ts';

/** A replica that is loading again is asked again after this long, unless the cluster tells more. */
const restMs = 1_000;

/** For how long after a request the deployment counts as asked for. */
const recentMs = 30_000;

/**
 * The requests of one model in front of its replicas: fair between tenants, first come first served within one, bound late:
 * a request leaves only when a ready replica has a free slot, so that callers queue here, where they can be counted and refused, and not in the replicas.
 */
export class ModelLine {
  private readonly balancer: Balancer;
  private rank: Rank = alone;
  private limits: ServingLimits;
  private availability: Availability = 'serving';
  private readonly waiting = new FairQueue<Place>();
  /** Who came back from a replica that failed. A set, because it keeps the order and lets anyone leave from the middle. */
  private readonly returning = new Set<Place>();
  /** How all of them wait now. */
  private waitingAs: Waiting = 'held';
  private readonly listeners = new Set<() => void>();
  private readonly now: () => number;
  /** A guess until the first answer has ended. */
  private meanServiceMs = 1_000;
  private answers = 0;
  private readonly firstTokens = new RecentMean();
  private readonly outputs = new UsualOutput();
  private tokens = 0;
  private joined = 0;
  private joinedAt = Number.NEGATIVE_INFINITY;

  constructor(limits: ServingLimits, random: Random, now: () => number) {
    this.limits = limits;
    this.now = now;
    this.balancer = new Balancer({ random, now, onRoom: () => this.changed() });
    this.balancer.configure(limits.maxConcurrencyPerReplica, this.rank);
  }

  get replicas(): Set<Replica> {
    return this.balancer.replicas;
  }

  get length(): number {
    return this.waiting.size + this.returning.size;
  }

  /** How many wait, by the priority of their tenants, of each priority that has been asked for. */
  get lengths(): ReadonlyMap<number, number> {
    const lengths = this.waiting.sizes;
    for (const { priority } of this.returning) lengths.set(priority, (lengths.get(priority) ?? 0) + 1);
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

  /** How many requests have come in all, also those that were refused. */
  get arrivals(): number {
    return this.joined;
  }

  /** Whether one of them came in the last half minute. */
  get isAskedFor(): boolean {
    return this.now() - this.joinedAt < recentMs;
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

  /** What those who wait may cost in tokens; who came back from a replica that failed is left out. */
  get queuedTokens(): number {
    return this.waiting.tokens;
  }

  /** What all that wait and run may cost in tokens. */
  get tokensInFlight(): number {
    return this.tokens;
  }

  /** Mean time that a replica works for an answer, in milliseconds; undefined before the first. */
  get serviceMs(): number | undefined {
    return this.answers === 0 ? undefined : this.meanServiceMs;
  }

  /** Mean time to first token in milliseconds, of how many streams of the last half minute; undefined when of none. */
  get timeToFirstToken(): { readonly mean: number; readonly count: number } | undefined {
    return this.firstTokens.read(this.now());
  }

  /** Tokens that answers usually have at most; undefined while too few have been seen. */
  get usualOutput(): number | undefined {
    return this.outputs.tokens;
  }

  /** Seconds until such a request might be served if it joined now. */
  expectedWaitSeconds(waiter: Waiter): number {
    return expectedWaitSeconds(this.returning.size + this.waiting.position(waiter), this.balancer.capacity, this.meanServiceMs);
  }

  /** Takes a place at the end of the line; it may have its slot already, or be refused already. */
  join(terms: Terms): Place {
    this.joined += 1;
    this.joinedAt = this.now();
    const place = new Place(terms, undefined, this.forget);
    const why = this.inVain();
    if (why) return refused(place, why);
    // Whoever came back and still waits cannot use what is free, so only those in `waiting` come first.
    if (this.waiting.size === 0 && this.tryServe(place)) return this.counted(place);
    if (!this.makeRoom(place)) return refused(place, 'full');
    this.waiting.enter(place);
    return this.letWait(place);
  }

  /** Takes a place before everybody who waits, for a request that a replica failed before it answered. */
  rejoin(terms: Terms, avoided: Avoided<Replica>): Place {
    const place = new Place(terms, avoided, this.forget);
    const why = this.inVain();
    if (why) return refused(place, why);
    if (this.tryServe(place)) return this.counted(place);
    this.returning.add(place);
    return this.letWait(place);
  }

  /** A stream's first token came so long after the request. */
  noteFirstToken(ms: number): void {
    this.firstTokens.note(ms, this.now());
  }

  /** An answer that came to its good end had so many tokens. */
  noteOutput(tokens: number): void {
    this.outputs.note(tokens);
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
      for (const place of [...this.returning, ...this.waiting]) place.leave(why);
      return;
    }
    this.turnPatience();
    for (const place of this.returning) if (this.tryServe(place)) this.returning.delete(place);
    for (let place = this.waiting.next(); place; place = this.waiting.next()) {
      // Nobody in this queue avoids a replica, so what the first cannot have, nobody behind can.
      if (!this.tryServe(place)) break;
    }
    if (this.length > 0) this.balancer.watchRamp();
  }

  /** The deployment is deleted: nobody waits any more, also who comes back. What runs goes on. */
  close(): void {
    this.configure(this.limits, 'deleted');
  }

  private inVain(): Refusal | undefined {
    return inVain(this.availability, this.readyReplicas);
  }

  private tryServe(place: Place): boolean {
    const replica = this.balancer.choose(place);
    if (!replica) return false;
    const grantedAt = this.now();
    const charge = this.waiting.serve(place, place.avoided !== undefined);
    const lease = new Lease(replica, place.tokens, charge, (answered) => {
      this.tokens -= place.tokens;
      if (answered) this.noteAnswer(this.now() - grantedAt);
      this.changed();
    });
    place.settle({ kind: 'lease', lease });
    return true;
  }

  /** Whether the newcomer may wait: somebody of a tenant with more requests, or of a lower priority, may have to yield. */
  private makeRoom(place: Place): boolean {
    const { maxQueue, maxQueueTokens } = this.limits;
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
    for (const places of [this.returning, this.waiting]) for (const place of places) place.waitAs(waitingAs, this.now());
  }

  private counted(place: Place): Place {
    this.tokens += place.tokens;
    return place;
  }

  private noteAnswer(ms: number): void {
    this.answers += 1;
    // The first answer ends the guess; then an exponential mean over about the last ten.
    this.meanServiceMs += (ms - this.meanServiceMs) / Math.min(this.answers, 10);
  }

  private readonly forget = (place: Place): void => {
    if (!this.returning.delete(place)) this.waiting.remove(place);
    this.tokens -= place.tokens;
  };
}

function refused(place: Place, why: Refusal): Place {
  place.settle({ kind: 'refused', why });
  return place;
}
