import { parseArgs } from 'node:util';

/** What can be measured, in the order in which it is. */
export const parts = ['requests', 'chunks', 'latency', 'streams', 'overload'] as const;
export type Part = (typeof parts)[number];

/** Those that use the gateway that `--profile` is for. */
const profiled: ReadonlySet<Part> = new Set(['requests', 'chunks', 'latency']);

/** What `bench:gateway` is told on the command line. */
export type Options = {
  /** Turns of each proxy in the measurements of CPU time. */
  readonly rounds: number;
  /** How long a turn with whole answers lasts. */
  readonly seconds: number;
  /** Calls of each in a block of the latency's. */
  readonly calls: number;
  /** Streams at the same time, the time between two frames of one, and how long it lasts. */
  readonly streams: number;
  readonly paceMs: number;
  readonly streamSeconds: number;
  /** After the streams, until memory is measured again. */
  readonly settleSeconds: number;
  readonly only: ReadonlySet<Part>;
  /** Where the gateway leaves a CPU profile; none is taken unless given. */
  readonly profile: string | undefined;
};

/** Reads the command line. Throws an Error that names the option that is wrong. */
export function readOptions(argv: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      rounds: { type: 'string', default: '12' },
      seconds: { type: 'string', default: '1' },
      calls: { type: 'string', default: '1000' },
      streams: { type: 'string', default: '1000' },
      'pace-ms': { type: 'string', default: '100' },
      'stream-seconds': { type: 'string', default: '20' },
      'settle-seconds': { type: 'string', default: '30' },
      only: { type: 'string', default: parts.join(',') },
      profile: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  });
  const number = (name: 'rounds' | 'seconds' | 'calls' | 'streams' | 'pace-ms' | 'stream-seconds' | 'settle-seconds') => {
    const value = Number(values[name]);
    if (!Number.isFinite(value) || value <= 0) throw new Error(`--${name} must be a number above 0, not ${values[name]}`);
    return value;
  };
  const isPart = (name: string): name is Part => parts.some((part) => part === name);
  const only = values.only.split(',').map((name) => {
    if (!isPart(name)) throw new Error(`--only knows ${parts.join(', ')}, not ${name}`);
    return name;
  });
  if (values.profile !== undefined && !only.some((name) => profiled.has(name)))
    throw new Error(`--profile needs one of ${[...profiled].join(', ')}: the gateway of the others has it not`);
  return {
    rounds: number('rounds'),
    seconds: number('seconds'),
    calls: number('calls'),
    streams: number('streams'),
    paceMs: number('pace-ms'),
    streamSeconds: number('stream-seconds'),
    settleSeconds: number('settle-seconds'),
    only: new Set(only),
    profile: values.profile,
  };
}
