import { Hearing } from './hearing.ts';
import { hashText } from './policies/hash.ts';
import { type Health, healthy } from './policies/outliers.ts';
import { after } from './timers.ts';
import type { Upstream } from './upstream/pool.ts';

/** Opens the connections to one replica. */
export type OpenUpstream = (origin: string) => Upstream;

/** A worker that the gateway may send to, and how much it has sent there. */
export class Replica {
  readonly id: string;
  readonly name: string;
  readonly origin: string;
  readonly upstream: Upstream;
  /** Names of the adapters that it has loaded once it is ready. */
  adapters: readonly string[] = [];
  /** Tells replicas apart alike in every gateway. */
  readonly hash: number;
  inFlight = 0;
  /** What those in flight may cost in tokens. */
  tokens = 0;
  /** Judged by how it answers. */
  health: Health = healthy;
  /** When it became ready, in milliseconds of the clock. */
  readyAt = 0;
  /** Whether it says anything to those who wait for it. */
  readonly hearing: Hearing;
  /** Counts how often it became ready: what failed before counts no longer after. */
  epoch = 0;
  private readyNow = false;
  private restTimer: NodeJS.Timeout | undefined;
  private readonly now: () => number;

  /** `onWedged` is called when it has said nothing for too long. */
  constructor(
    spec: { readonly id: string; readonly name: string; readonly origin: string },
    upstream: Upstream,
    now: () => number,
    onWedged: () => void = () => {},
  ) {
    this.id = spec.id;
    this.name = spec.name;
    this.origin = spec.origin;
    this.upstream = upstream;
    this.hash = hashText(spec.id);
    this.now = now;
    this.hearing = new Hearing({ now, onWedged });
  }

  /** It is ready by the word of the cluster, and hangs. */
  get wedged(): boolean {
    return this.readyNow && this.hearing.wedged;
  }

  get ready(): boolean {
    return this.readyNow && !this.restTimer;
  }

  set ready(ready: boolean) {
    if (ready && !this.readyNow) {
      this.epoch += 1;
      this.readyAt = this.now();
      this.health = healthy;
      this.hearing.signs += 1;
      clearTimeout(this.restTimer);
      this.restTimer = undefined;
    }
    this.readyNow = ready;
  }

  /** Gets nothing for `ms`: it said itself that it cannot serve now, which the cluster may tell later or not at all. Calls `onOver` after that. */
  rest(ms: number, onOver: () => void): void {
    this.restTimer ??= after(ms, () => {
      this.restTimer = undefined;
      this.epoch += 1;
      onOver();
    });
  }
}
