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

  constructor(link: RedisLink, clock: Pick<Clock, 'now'>) {
    this.link = link;
    this.clock = clock;
  }

  async reserve({ gates, tokens, lease }: Demand): Promise<Verdict> {
    const answer = await this.act(reserveScript, gates.map(keyOf), [tokens, lease, leaseMs, this.deadline(), ...gates.flatMap(argsOf)]);
    if (answer.length !== 2 + gates.length * 3) throw new TypeError('the store of limits answered something else');
    const [granted, at = 0] = answer;
    const readings = gates.map((gate, index): Reading => {
      const [remaining = 0, resetMs = 0, waitMs = 0] = answer.slice(2 + index * 3);
      return { gate, remaining, resetMs: orEnd(resetMs, gate, at), waitMs: orEnd(waitMs, gate, at) };
    });
    return { granted: granted === 1, readings, at };
  }

  async settle({ demand: { gates, lease }, takenAt, change }: Settlement): Promise<void> {
    await this.act(settleScript, gates.map(keyOf), [change, lease, takenAt, this.deadline(), ...gates.flatMap(argsOf)]);
  }

  /** Says that a request still runs. */
  async renew(lease: string, keys: readonly string[]): Promise<void> {
    await this.act(renewScript, keys, [lease, leaseMs, this.deadline()]);
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

  /** By the server's clock; 0 for none while that is not known. */
  private deadline(): number {
    const now = this.time.read(this.clock.now());
    return now === undefined ? 0 : now + actWithinMs;
  }
}

function keyOf({ key }: Gate): string {
  return key;
}

function argsOf({ name, limit }: Gate): (string | number)[] {
  return [name, limit];
}

/** The store leaves it to us to say when a day or a month ends. */
function orEnd(ms: number, { name }: Gate, at: number): number {
  if (ms >= 0) return ms;
  return (name === 'tokensPerDay' ? day : month).endOf(at) - at;
}
