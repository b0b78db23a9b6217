import type { Gate } from './gate.ts';

/** What a request asks of its gates, all together: one object for a request, from its reservation until it is settled. */
export type Demand = {
  readonly gates: readonly Gate[];
  /** What it may cost, as far as can be told before it runs. */
  readonly tokens: number;
};

/** How one gate stands after the decision. */
export type Reading = {
  readonly gate: Gate;
  /** What is left of the limit, at least 0. */
  readonly remaining: number;
  /** Milliseconds until everything is back. */
  readonly resetMs: number;
  /** Milliseconds until the same request would pass: 0 when this gate lets it through. */
  readonly waitMs: number;
};

/** Whether a request may go on. When one gate refuses, none has counted it. */
export type Verdict = {
  readonly granted: boolean;
  readonly readings: readonly Reading[];
  /** When it was decided, by the clock of the store: `settle` needs it. */
  readonly at: number;
};

/** Counts what tenants use. */
export type LimitStore = {
  /** Whether it counts together with other gateways now; absent where it never does. */
  readonly shared?: boolean;
  /** Decides, and counts the request with what it may cost. Rejects with an HttpError when nobody can tell. */
  reserve(demand: Demand): Verdict | Promise<Verdict>;
  /** Ends a request that was let through at `takenAt`: what it has cost replaces what it might have cost. Never throws. */
  settle(demand: Demand, takenAt: number, tokens: number): void;
  /** How the limits stand that requests have met here lately. */
  standing(): readonly Reading[] | Promise<readonly Reading[]>;
};
