import type { Clock } from '../../core/clock.ts';
import { type Counter, counterFor } from './counter.ts';
import type { Gate } from './gate.ts';
import type { Demand, LimitStore, Reading, Verdict } from './store.ts';

/** How often counters are looked for that say nothing any more. */
const sweepMs = 60_000;

type Entry = { readonly gate: Gate; readonly counter: Counter };

/** The limits as one gateway counts them, in its own memory: of each limit it gives its share of all gateways, at least 1. */
export class MemoryStore implements LimitStore {
  private readonly entries = new Map<string, Entry>();
  private readonly clock: Pick<Clock, 'now'>;
  private readonly gateways: () => number;
  private sweptAt: number;

  constructor(clock: Pick<Clock, 'now'>, gateways: () => number) {
    this.clock = clock;
    this.gateways = gateways;
    this.sweptAt = clock.now();
  }

  /** How many counters it holds. */
  get size(): number {
    return this.entries.size;
  }

  reserve({ gates, tokens }: Demand): Verdict {
    const now = this.clock.now();
    const gateways = this.gateways();
    this.sweep(now);
    const granted = this.pass(gates, tokens, gateways, now);
    const readings: Reading[] = [];
    for (const gate of gates) {
      const counter = this.counter(gate, now);
      const limit = shareOf(gate, gateways);
      if (granted) counter.take(tokens, limit, now);
      readings.push(read(gate, counter, limit, granted ? 0 : counter.waitMs(tokens, limit, now), now));
    }
    return { granted, readings, at: now };
  }

  /** Counts a request that was let through elsewhere. */
  note({ gates, tokens }: Demand): void {
    const now = this.clock.now();
    const gateways = this.gateways();
    for (const gate of gates) this.counter(gate, now).take(tokens, shareOf(gate, gateways), now);
  }

  /** Remembers gates that have refused elsewhere, so that `standing` tells of them. */
  see(gates: readonly Gate[]): void {
    const now = this.clock.now();
    for (const gate of gates) this.counter(gate, now);
  }

  settle({ gates, tokens: taken }: Demand, takenAt: number, tokens: number): void {
    const now = this.clock.now();
    const gateways = this.gateways();
    for (const gate of gates) this.counter(gate, now).settle(tokens - taken, shareOf(gate, gateways), takenAt, now);
  }

  /** Makes it as if a request had not been let through at `takenAt`. */
  undo({ gates, tokens }: Demand, takenAt: number): void {
    const now = this.clock.now();
    const gateways = this.gateways();
    for (const gate of gates) this.counter(gate, now).undo(tokens, shareOf(gate, gateways), takenAt, now);
  }

  standing(): readonly Reading[] {
    const now = this.clock.now();
    const gateways = this.gateways();
    return [...this.entries.values()].map(({ gate, counter }) => read(gate, counter, shareOf(gate, gateways), 0, now));
  }

  /** Whether all gates let it through. */
  private pass(gates: readonly Gate[], tokens: number, gateways: number, now: number): boolean {
    for (const gate of gates) if (!this.counter(gate, now).passes(tokens, shareOf(gate, gateways), now)) return false;
    return true;
  }

  private counter(gate: Gate, now: number): Counter {
    const known = this.entries.get(gate.key);
    if (known) return known.counter;
    const counter = counterFor(gate.name, now);
    this.entries.set(gate.key, { gate, counter });
    return counter;
  }

  /** Forgets counters that are as they began, so that tenants who are gone leave nothing. */
  private sweep(now: number): void {
    if (now - this.sweptAt < sweepMs) return;
    this.sweptAt = now;
    for (const [key, { gate, counter }] of this.entries) if (counter.resetMs(gate.limit, now) === 0) this.entries.delete(key);
  }
}

/** What of a limit is this gateway's, of so many. */
function shareOf({ limit }: Gate, gateways: number): number {
  return gateways <= 1 ? limit : Math.max(1, Math.floor(limit / gateways));
}

function read(gate: Gate, counter: Counter, limit: number, waitMs: number, now: number): Reading {
  return { gate, remaining: Math.max(0, Math.floor(counter.remaining(limit, now))), resetMs: counter.resetMs(limit, now), waitMs };
}
