import { hashApiKey } from '../../../src/core/api-keys.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import { accountOf } from '../../../src/gateway/identity/account.ts';
import { MemoryStore } from '../../../src/gateway/limits/memory-store.ts';
import { UsageLog } from '../../../src/gateway/usage/log.ts';
import { openResources } from '../../abuse/resources.ts';
import { startTestGateway } from '../../fakes/gateway.ts';
import { sampleMemory } from '../memory.ts';

// A gateway in a process of its own, in front of the workers whose addresses it is given, with all stages on and limits that nobody
// reaches. Its heap is that of the gateway alone. Tells its parent its address and key, and what is left in it whenever it is asked.

const concurrency = 1_000_000;
const wide = { requestsPerMinute: 1e9, tokensPerMinute: 1e12, tokensPerDay: 1e15, concurrency };
const limits = new MemoryStore(systemClock, () => 1);
const usageLog = new UsageLog({
  output: { write: () => Promise.resolve(), close: () => Promise.resolve() },
  clock: systemClock,
  logger: silentLogger,
});
const gateway = await startTestGateway({
  workers: [],
  limits,
  usageLog,
  responseCacheBytes: 262_144,
  random: Math.random,
  serving: { maxConcurrencyPerReplica: 16, maxQueue: 1_000, cacheTtlMs: 60_000, maxOutputTokens: 1_000, temperature: 0.7 },
});
gateway.keys.set(
  'acme',
  [{ name: 'first', hash: hashApiKey(gateway.key) }],
  accountOf('acme', { limits: { ...wide, perModel: [{ model: 'm', ...wide }] } }),
);
for (const [index, origin] of process.argv.slice(2).entries())
  gateway.fleet.setReplica('ns/m', { id: `replica-${index}`, name: `m-${index}`, origin, ready: true });

/** What is left in the gateway when nothing runs, after a forced collection. */
export type Remains = {
  readonly heapMegabytes: number;
  readonly rssMegabytes: number;
  readonly sockets: number;
  readonly timers: number;
  readonly running: number;
  readonly waiting: number;
  /** Requests that limits count as running. */
  readonly counted: number;
};

function remains(): Remains {
  const { heapMegabytes, rssMegabytes } = sampleMemory(0);
  const { TCPSocketWrap: sockets = 0, Timeout: timers = 0 } = openResources();
  const line = gateway.fleet.find('m')?.line;
  const counted = limits
    .standing()
    .reduce((sum, { gate, remaining }) => sum + (gate.name === 'concurrency' ? concurrency - remaining : 0), 0);
  return { heapMegabytes, rssMegabytes, sockets, timers, running: line?.inFlight ?? 0, waiting: line?.length ?? 0, counted };
}

process.on('message', () => process.send?.(remains()));
process.on('disconnect', () => process.exit(0));
process.send?.({ url: gateway.url, key: gateway.key });
