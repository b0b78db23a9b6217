import type { AgentStatus } from '../../src/core/agent-contract.ts';
import type { Clock } from '../../src/core/clock.ts';

/** What an agent told counts for so long: an idle one is asked each ten seconds, more rarely in a fleet of hundreds. Then it may be over. */
const freshMs = 15_000;

type Told = Pick<AgentStatus, 'phase' | 'inFlight' | 'waiting' | 'kvCacheUsage'>;
type Report = Told & { readonly at: number };

/** What the workers of one model tell, all together. */
export type WorkerLoad = {
  /** Requests that they run, or that wait in them. */
  readonly inSystem: number;
  readonly waiting: number;
  /** Absent when no loaded replica tells it. */
  readonly kvCache?: KvCache | undefined;
};

/** `usage` is the mean of the loaded replicas, 0 to 1; `stale` when none of them has told it lately, `at` when the first of them did. */
type KvCache = { readonly usage: number; readonly at: number; readonly stale: boolean };

/** Remembers what the agent of every replica told last. */
export class WorkerReports {
  private readonly clock: Clock;
  private readonly owners = new Map<string, Map<string, Report>>();

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** The load of a model, `namespace/name`. Nothing, when its workers are not asked here. */
  of(owner: string): WorkerLoad {
    return workerLoad([...(this.owners.get(owner)?.values() ?? [])], this.clock.now());
  }

  /** The replica `uid` of `owner` has told this now. */
  told(owner: string, uid: string, { phase, inFlight, waiting, kvCacheUsage }: Told): void {
    const replicas = this.owners.get(owner) ?? new Map<string, Report>();
    replicas.set(uid, { phase, inFlight, waiting, kvCacheUsage, at: this.clock.now() });
    this.owners.set(owner, replicas);
  }

  /** The replica is gone, or began anew. */
  forget(owner: string, uid: string): void {
    const replicas = this.owners.get(owner);
    if (!replicas?.delete(uid)) return;
    if (replicas.size === 0) this.owners.delete(owner);
  }
}

function workerLoad(reports: readonly Report[], now: number): WorkerLoad {
  const fresh = reports.filter(({ at }) => isFresh(at, now));
  const waiting = sum(fresh.map((report) => report.waiting));
  return { inSystem: waiting + sum(fresh.map(({ inFlight }) => inFlight)), waiting, kvCache: kvCache(reports, now) };
}

function kvCache(reports: readonly Report[], now: number): KvCache | undefined {
  const loaded = reports.filter(({ phase }) => phase === 'Ready');
  if (loaded.length === 0) {
    // Where nothing is loaded yet, nothing is used: an autoscaler that is told so need not report a failure through every load.
    const at = Math.max(...reports.map((report) => report.at));
    return reports.length > 0 ? { usage: 0, at, stale: !isFresh(at, now) } : undefined;
  }
  const telling = loaded.flatMap(({ at, kvCacheUsage: usage }) => (usage === undefined ? [] : [{ at, usage }]));
  if (telling.length === 0) return undefined;
  const heard = telling.filter(({ at }) => isFresh(at, now));
  const counted = heard.length > 0 ? heard : telling;
  const usage = sum(counted.map((report) => report.usage)) / counted.length;
  return { usage, at: Math.min(...counted.map(({ at }) => at)), stale: heard.length === 0 };
}

function isFresh(at: number, now: number): boolean {
  return now - at <= freshMs;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
