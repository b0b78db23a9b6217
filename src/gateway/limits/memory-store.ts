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

  reserve(demand: Demand): Verdict {
    const { gates, tokens } = demand;
    const now = this.clock.now();
    this.sweep(now);
    const granted = gates.every((gate) => this.counter(gate, now).passes(tokens, this.share(gate), now));
    const waits = granted ? undefined : gates.map((gate) => this.counter(gate, now).waitMs(tokens, this.share(gate), now));
    if (granted) this.take(demand, now);
    return { granted, readings: gates.map((gate, index) => this.read(gate, waits?.[index] ?? 0, now)), at: now };
  }

  /** Counts a request that was let through elsewhere. */
  note(demand: Demand): void {
    this.take(demand, this.clock.now());
  }

  /** Remembers gates that have refused elsewhere, so that `standing` tells of them. */
  see(gates: readonly Gate[]): void {
    const now = this.clock.now();
    for (const gate of gates) this.counter(gate, now);
  }

  settle({ gates, tokens: taken }: Demand, takenAt: number, tokens: number): void {
    const now = this.clock.now();
    for (const gate of gates) this.counter(gate, now).settle(tokens - taken, this.share(gate), takenAt, now);
  }

  /** Makes it as if a request had not been let through at `takenAt`. */
  undo({ gates, tokens }: Demand, takenAt: number): void {
    const now = this.clock.now();
    for (const gate of gates) this.counter(gate, now).undo(tokens, this.share(gate), takenAt, now);
  }

  standing(): readonly Reading[] {
    const now = this.clock.now();
    return [...this.entries.values()].map(({ gate }) => this.read(gate, 0, now));
  }

  private take({ gates, tokens }: Demand, now: number): void {
    for (const gate of gates) this.counter(gate, now).take(tokens, this.share(gate), now);
  }

  private read(gate: Gate, waitMs: number, now: number): Reading {
    const counter = this.counter(gate, now);
    const limit = this.share(gate);
    return { gate, remaining: Math.max(0, Math.floor(counter.remaining(limit, now))), resetMs: counter.resetMs(limit, now), waitMs };
  }

  private share({ limit }: Gate): number {
    const gateways = this.gateways();
    return gateways <= 1 ? limit : Math.max(1, Math.floor(limit / gateways));
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
