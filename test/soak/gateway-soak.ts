import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { startMockWorker } from '../fakes/mock-worker.ts';
import { GatewayCallers } from './gateway-callers.ts';
import { slope } from './memory.ts';
import type { Remains } from './programs/gateway.ts';

export type GatewaySoakOptions = {
  readonly requests: number;
  readonly callers: number;
  readonly seed: number;
  /** How often all is brought to rest to see what is left. */
  readonly looks: number;
  /** By how much the heap may grow over the second half. */
  readonly mayGrowMegabytes: number;
  readonly tell?: ((look: Look) => void) | undefined;
};

/** What was left after so many requests. */
type Look = Remains & { readonly requests: number; readonly requestsPerSecond: number };

/** What a soak found. `problems` is empty when all is well. */
export type GatewaySoakReport = {
  readonly requests: number;
  readonly kinds: Readonly<Record<string, number>>;
  readonly looks: readonly Look[];
  /** Over the second half, in which caches are full: by least squares. */
  readonly heapGrowthMegabytes: number;
  readonly heapBytesPerRequest: number;
  readonly problems: readonly string[];
};

/** Time until callers who have left are gone, and nothing is to be found of them. */
const settleMs = 10_000;

/** Callers of all kinds at a gateway in a process of its own, one of whose workers dies now and then. At rest nothing may be left of them. */
export async function soakGateway({
  requests,
  callers,
  seed,
  looks,
  mayGrowMegabytes,
  tell = () => {},
}: GatewaySoakOptions): Promise<GatewaySoakReport> {
  const workers = await Promise.all(Array.from({ length: 3 }, () => startMockWorker()));
  const program = fileURLToPath(new URL('programs/gateway.ts', import.meta.url));
  const gateway = fork(
    program,
    workers.map(({ origin }) => origin),
  );
  const [{ url, key }] = (await once(gateway, 'message')) as [{ url: string; key: string }];
  const asking = new GatewayCallers(url, key, callers, seed);
  const seen: Look[] = [];
  try {
    for (let look = 1; look <= looks; look += 1) {
      workers[2]?.behave(look % 2 === 0 ? { fault: 'die-first' } : {});
      const began = performance.now();
      const round = Math.ceil(requests / looks);
      await asking.ask(round, callers);
      const requestsPerSecond = Math.round((1_000 * round) / (performance.now() - began));
      seen.push({ requests: look * round, requestsPerSecond, ...(await atRest(gateway)) });
      for (const last of seen.slice(-1)) tell(last);
    }
  } finally {
    await asking.close();
    gateway.kill();
    await Promise.all(workers.map((worker) => worker.close()));
  }
  const late = seen.slice(Math.floor(seen.length / 2));
  const perRequest = slope(late.map((look) => [look.requests, look.heapMegabytes]));
  const heapGrowthMegabytes = perRequest * ((late.at(-1)?.requests ?? 0) - (late[0]?.requests ?? 0));
  return {
    requests: seen.at(-1)?.requests ?? 0,
    kinds: Object.fromEntries(asking.counts),
    looks: seen,
    heapGrowthMegabytes,
    heapBytesPerRequest: perRequest * 1e6,
    problems: [
      ...asking.surprises,
      ...leftOvers(seen),
      ...(heapGrowthMegabytes > mayGrowMegabytes ? [`the heap has grown by ${heapGrowthMegabytes.toFixed(1)} MB`] : []),
    ],
  };
}

/** What is left once nothing runs; the last look when something does for too long. */
async function atRest(gateway: ChildProcess): Promise<Remains> {
  const deadline = performance.now() + settleMs;
  for (;;) {
    gateway.send('what is left?');
    const [left] = (await once(gateway, 'message')) as [Remains];
    if ((left.running === 0 && left.waiting === 0 && left.counted === 0) || performance.now() > deadline) return left;
  }
}

/** Slots, places and counts that are not given back, and sockets or timers of which there are more from look to look. */
function leftOvers(looks: readonly Look[]): string[] {
  const problems: string[] = [];
  for (const { requests, running, waiting, counted } of looks)
    if (running + waiting + counted > 0)
      problems.push(`after ${requests} requests ${running} run, ${waiting} wait and ${counted} are counted as running`);
  const [first, ...rest] = looks.slice(Math.floor(looks.length / 2));
  const last = rest.at(-1);
  if (!first || !last) return problems;
  // Keep-alive connections come and go with the load: a few more are none that leaked.
  for (const kind of ['sockets', 'timers'] as const)
    if (last[kind] > 2 * first[kind] + 20)
      problems.push(`there were ${first[kind]} ${kind} at half time, and are ${last[kind]} at the end`);
  return problems;
}
