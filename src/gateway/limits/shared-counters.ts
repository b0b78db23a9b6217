import { randomUUID } from 'node:crypto';
import type { Clock } from '../../core/clock.ts';
import { commandTimeoutMs, type RedisLink } from '../redis/link.ts';
import type { Script } from '../redis/script.ts';
import { day, month } from './calendar.ts';
import type { Gate } from './gate.ts';
import { readScript, renewScript, reserveScript, settleScript } from './redis-scripts.ts';
import { ServerTime } from './server-time.ts';
import type { Demand, Reading, Verdict } from './store.ts';

/** A place among the running requests is kept for this long after the last sign of its gateway. */
const leaseMs = 60_000;

/** What is not done by then is not done at all. The rest of the time in which an answer counts is for its way back. */
const actWithinMs = commandTimeoutMs - 50;

/** What a request that has ended leaves to be counted. */
export type Settlement = { readonly demand: Demand; readonly takenAt: number; readonly change: number };

/** The counters in Redis: each call is one script. All reject when the server is lost, or did nothing because it was too late. */
export class SharedCounters {
  private readonly link: RedisLink;
  private readonly clock: Pick<Clock, 'now'>;
  private readonly time = new ServerTime();
  private readonly name = randomUUID();
  private readonly leases = new WeakMap<Demand, string>();
  private named = 0;

  constructor(link: RedisLink, clock: Pick<Clock, 'now'>) {
    this.link = link;
    this.clock = clock;
  }

  async reserve(demand: Demand): Promise<Verdict> {
    const { gates, tokens } = demand;
    const args = withGates([tokens, this.leaseOf(demand), leaseMs, this.deadline()], gates);
    const answer = await this.act(reserveScript, gates.map(keyOf), args);
    if (answer.length !== 2 + gates.length * 3) throw new TypeError('the store of limits answered something else');
    const [granted, at = 0] = answer;
    const readings = gates.map((gate, index): Reading => {
      const [remaining = 0, resetMs = 0, waitMs = 0] = answer.slice(2 + index * 3);
      return { gate, remaining, resetMs: orEnd(resetMs, gate, at), waitMs: orEnd(waitMs, gate, at) };
    });
    return { granted: granted === 1, readings, at };
  }

  async settle({ demand, takenAt, change }: Settlement): Promise<void> {
    const { gates } = demand;
    const args = withGates([change, this.leaseOf(demand), takenAt, this.deadline()], gates);
    await this.act(settleScript, gates.map(keyOf), args);
  }

  /** Says that a request still runs, to the gates that count those. */
  async renew(demand: Demand): Promise<void> {
    const keys = demand.gates.filter(countsRunning).map(keyOf);
    await this.act(renewScript, keys, [this.leaseOf(demand), leaseMs, this.deadline()]);
  }

  /** How a gate stands for all gateways. */
  async read(gate: Gate): Promise<Reading> {
    const [remaining = 0, resetMs = 0, at = 0] = await this.call(readScript, [gate.key], [gate.name, gate.limit]);
    return { gate, remaining, resetMs: orEnd(resetMs, gate, at), waitMs: 0 };
  }

  /** Runs a script that answers first whether it has done its work, and then the time. */
  private async act(script: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<readonly number[]> {
    const answer = await this.call(script, keys, args);
    const [done = -1, at = Number.NaN] = answer;
    this.time.note(at, this.clock.now());
    if (done < 0) throw new Error('the store of limits came to it too late');
    return answer;
  }

  private async call(script: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<readonly number[]> {
    const answer = await this.link.run(script, keys, args);
    if (!Array.isArray(answer)) throw new TypeError('the store of limits answered something else');
    return answer.map(Number);
  }

  /** Names a request among those that run: no two have the same, of whatever gateway. Where no gate counts those, none needs a name. */
  private leaseOf(demand: Demand): string {
    if (!demand.gates.some(countsRunning)) return '';
    const known = this.leases.get(demand);
    if (known !== undefined) return known;
    this.named += 1;
    const lease = `${this.name}-${this.named}`;
    this.leases.set(demand, lease);
    return lease;
  }

  /** By the server's clock; 0 for none while that is not known. */
  private deadline(): number {
    const now = this.time.read(this.clock.now());
    return now === undefined ? 0 : now + actWithinMs;
  }
}

/** Whether a gate counts requests that run, and so must hear that they still do. */
export function countsRunning({ name }: Gate): boolean {
  return name === 'concurrency';
}

function keyOf({ key }: Gate): string {
  return key;
}

/** The arguments of a script, and after them what it must know of each gate. */
function withGates(args: (string | number)[], gates: readonly Gate[]): readonly (string | number)[] {
  for (const { name, limit } of gates) args.push(name, limit);
  return args;
}

/** The store leaves it to us to say when a day or a month ends. */
function orEnd(ms: number, { name }: Gate, at: number): number {
  if (ms >= 0) return ms;
  return (name === 'tokensPerDay' ? day : month).endOf(at) - at;
}
