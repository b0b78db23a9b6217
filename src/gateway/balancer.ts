import type { Random } from '../core/clock.ts';
import { type Avoided, eligible, leastLoaded, nearest } from './policies/balance.ts';
import { afterAnswer, afterFailure, afterTime, afterWedge, healthy, mayEject } from './policies/outliers.ts';
import { alone, type Rank, rampedSlots, shareOfSlots, slowStartMs } from './policies/slots.ts';
import type { Replica } from './replica.ts';
import { after } from './timers.ts';

/** A replica that starts slowly gets more of its slots so often. */
const rampStepMs = 1_000;

type BalancerOptions = {
  readonly random: Random;
  readonly now: () => number;
  /** Called when a replica may take more, without a request that ended or a change that somebody made. */
  readonly onRoom: () => void;
};

/** Who asks for a replica. */
type Asking = {
  readonly avoided: Avoided<Replica> | undefined;
  readonly affinity: number | undefined;
  readonly home: string | undefined;
  readonly adapter: string | undefined;
};

/** Chooses among the replicas of a model: how many requests each may have, and which one gets the next. */
export class Balancer {
  readonly replicas = new Set<Replica>();
  private rank: Rank = alone;
  private slots = 1;
  /** As of the choice that is being made. */
  private at = 0;
  private hasMature = false;
  private sparesOut = false;
  private sparesWedged = false;
  private ramp: NodeJS.Timeout | undefined;
  private readonly options: BalancerOptions;

  constructor(options: BalancerOptions) {
    this.options = options;
  }

  configure(slots: number, rank: Rank): void {
    this.slots = slots;
    this.rank = rank;
  }

  /** The replica that gets a request; undefined when none has a slot for it. */
  choose({ avoided, affinity, home, adapter }: Asking, now: number): Replica | undefined {
    this.look(now);
    const wanted = home === undefined ? undefined : this.find(home, avoided);
    if (wanted) return wanted.inFlight < this.slotsOf(wanted) ? wanted : undefined;
    const slotsOf =
      adapter === undefined ? this.slotsOf : (replica: Replica) => (replica.adapters.includes(adapter) ? this.slotsOf(replica) : 0);
    const near = affinity === undefined ? undefined : nearest(this.replicas, slotsOf, affinity, avoided);
    return near ?? leastLoaded(this.replicas, slotsOf, this.options.random, avoided);
  }

  /** Whether a replica other than the avoided ones may be asked, full or not. */
  hasOther(avoided: Avoided<Replica>): boolean {
    this.look();
    for (const replica of this.replicas) if (eligible(replica, avoided) && !this.isOut(replica)) return true;
    return false;
  }

  /** Slots of all ready replicas together. */
  get capacity(): number {
    this.look();
    let total = 0;
    for (const replica of this.replicas) if (replica.ready) total += this.slotsOf(replica);
    return total;
  }

  /** Ready replicas that are left alone. */
  get ejected(): number {
    let total = 0;
    for (const { ready, health } of this.replicas) if (ready && health.kind === 'out') total += 1;
    return total;
  }

  /** What fails too often one after the other is left alone for a while: `ejected` tells that it is from now on. */
  judge(replica: Replica, verdict: 'answered' | 'failed'): 'ejected' | undefined {
    const { health } = replica;
    if (verdict === 'answered') {
      // Nearly all are, and answer: that costs them no look at the clock.
      if (health !== healthy) replica.health = afterAnswer(health, this.options.now());
      return undefined;
    }
    const now = this.options.now();
    let ready = 0;
    for (const each of this.replicas) if (each.ready) ready += 1;
    replica.health = afterFailure(health, now, replica.wedged ? this.hasLively : mayEject(this.ejected, ready));
    if (replica.health.kind !== 'out' || health.kind === 'out') return undefined;
    this.tryAfter(replica, replica.health.until - now);
    return 'ejected';
  }

  /** It hangs: it gets nothing but a trial now and then, for as long as another replica does not. */
  leaveAlone(replica: Replica): void {
    const now = this.options.now();
    const { health } = replica;
    replica.health = afterWedge(health, now);
    if (replica.health.kind === 'out' && health.kind !== 'out') this.tryAfter(replica, replica.health.until - now);
  }

  /** Somebody waits: looks again when a replica that starts slowly may take more. */
  watchRamp(): void {
    if (this.ramp || !this.hasMature) return;
    const isRamping = [...this.replicas].some((replica) => replica.ready && this.at - replica.readyAt < slowStartMs);
    if (!isRamping) return;
    this.ramp = after(rampStepMs, () => {
      this.ramp = undefined;
      this.options.onRoom();
    }).unref();
  }

  /** The replica with this id, if it may be asked at all. */
  private find(id: string, avoided: Avoided<Replica> | undefined): Replica | undefined {
    for (const replica of this.replicas) if (replica.id === id) return eligible(replica, avoided) ? replica : undefined;
    return undefined;
  }

  private tryAfter(replica: Replica, ms: number): void {
    after(ms, () => {
      replica.health = afterTime(replica.health, this.options.now());
      if (this.replicas.has(replica)) this.options.onRoom();
    }).unref();
  }

  /** Whether a ready replica does not hang. */
  private get hasLively(): boolean {
    for (const { ready, wedged } of this.replicas) if (ready && !wedged) return true;
    return false;
  }

  private look(now = this.options.now()): void {
    this.at = now;
    this.hasMature = false;
    let outNow = 0;
    let wedged = 0;
    let ready = 0;
    for (const replica of this.replicas) {
      if (!replica.ready) continue;
      ready += 1;
      if (replica.wedged) wedged += 1;
      else if (replica.health.kind === 'out') outNow += 1;
      else if (this.at - replica.readyAt >= slowStartMs) this.hasMature = true;
    }
    // Replicas that left may have made the ejected ones too many of those that remain.
    this.sparesOut = outNow > 0 && outNow + wedged <= Math.floor(ready / 2);
    this.sparesWedged = wedged < ready;
  }

  private isOut({ health, wedged }: Replica): boolean {
    return health.kind === 'out' && (wedged ? this.sparesWedged : this.sparesOut);
  }

  private readonly slotsOf = (replica: Replica): number => {
    if (this.isOut(replica)) return 0;
    if (replica.health.kind === 'trial') return 1;
    const share = shareOfSlots(this.slots, this.rank, replica.hash);
    // Where all are fresh there is nobody to whom the rest could go.
    return this.hasMature ? rampedSlots(share, this.at - replica.readyAt) : share;
  };
}
