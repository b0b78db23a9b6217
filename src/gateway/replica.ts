import { type Dispatcher, Pool } from 'undici';
import { Hearing } from './hearing.ts';
import { hashText } from './policies/hash.ts';
import { type Health, healthy } from './policies/outliers.ts';
import { after } from './timers.ts';

/** What a forward needs of a connection pool: undici's dispatch. */
export type Upstream = Pick<Dispatcher, 'dispatch'> & { close(): Promise<void> };

/** Opens the connections to one replica. */
export type OpenUpstream = (origin: string) => Upstream;

/**
 * One undici pool for a replica. Connections are not bounded here, because the replica's slots bound them;
 * time limits are off, because the gateway keeps its own per request.
 */
export const openPool: OpenUpstream = (origin) =>
  new Pool(origin, {
    connections: null,
    pipelining: 1,
    allowH2: false,
    connectTimeout: 5_000,
    // Less than the 5 s after which uvicorn, and so vLLM, closes a silent connection without having said so: a request must not meet the close.
    keepAliveTimeout: 4_000,
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: { noDelay: true },
  });

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
