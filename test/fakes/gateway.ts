import { generateApiKey, hashApiKey } from '../../src/core/api-keys.ts';
import { type Random, systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { Fleet } from '../../src/gateway/fleet.ts';
import { Identities } from '../../src/gateway/identity/identities.ts';
import type { KeyIndex } from '../../src/gateway/identity/keys.ts';
import type { ModelSpec, ServingLimits } from '../../src/gateway/ports.ts';
import { type Gateway, type ServeOptions, serve } from '../../src/gateway/serve.ts';
import { ConnectionPool } from '../../src/gateway/upstream/pool.ts';
import { type Behaviour, type MockWorker, startMockWorker } from './mock-worker.ts';

const limits: ServingLimits = {
  maxConcurrencyPerReplica: 8,
  maxQueue: 256,
  queueTimeoutMs: 10_000,
  holdTimeoutMs: 10_000,
  firstTokenTimeoutMs: 10_000,
  idleStreamTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
};

/** A gateway over mock workers that serves the model `m` (deployment `ns/m`), without a cluster. */
export type TestGateway = Gateway & {
  readonly key: string;
  readonly fleet: Fleet;
  readonly keys: KeyIndex;
  readonly identities: Identities;
  readonly workers: readonly MockWorker[];
  /** Makes worker `index` ready or not. */
  setReady(index: number, ready: boolean): void;
  setModel(change: Partial<ModelSpec> & { readonly serving?: Partial<ServingLimits> }): void;
  /** POSTs JSON, or the text as it is, with the right key. */
  post(body: unknown, init?: { readonly path?: string; readonly key?: string; readonly signal?: AbortSignal }): Promise<Response>;
  metrics(): Promise<string>;
  [Symbol.asyncDispose](): Promise<void>;
};

type TestGatewayOptions = Partial<ServeOptions> & {
  /** One worker for each. */
  readonly workers?: readonly Behaviour[];
  readonly serving?: Partial<ServingLimits>;
  readonly ready?: () => boolean;
  /** Breaks ties between replicas; the first in the list wins when it is left out, so that tests know who is asked. */
  readonly random?: Random;
};

/** Starts it; `await using` ends it with its workers. */
export async function startTestGateway(options: TestGatewayOptions = {}): Promise<TestGateway> {
  const key = generateApiKey();
  const fleet = new Fleet({ open: (origin) => new ConnectionPool(origin), random: options.random ?? (() => 0.999), now: Date.now });
  const identities = new Identities({ clock: systemClock, logger: silentLogger });
  const { keys } = identities;
  keys.set('acme', [{ name: 'first', hash: hashApiKey(key) }]);

  const workers = await Promise.all((options.workers ?? [{}]).map((behaviour) => startMockWorker(behaviour)));
  const setModel: TestGateway['setModel'] = ({ serving, ...change }) =>
    fleet.setModel({
      key: 'ns/m',
      names: ['m'],
      createdAt: 1_000,
      limits: { ...limits, ...options.serving, ...serving },
      availability: 'serving',
      ...change,
    });
  const setReady = (index: number, ready: boolean) => {
    const origin = workers[index]?.origin ?? '';
    fleet.setReplica('ns/m', { id: `replica-${index}`, name: `m-${index}`, origin, ready });
  };
  setModel({});
  for (const index of workers.keys()) setReady(index, true);
  const { ready = () => true } = options;
  const gateway = await serve(fleet, identities, () => (ready() ? [] : ['the cluster']), { port: 0, ...options });

  return {
    ...gateway,
    key,
    fleet,
    keys,
    identities,
    workers,
    setReady,
    setModel,
    post: (body, { path = '/v1/chat/completions', key: otherKey = key, signal } = {}) =>
      fetch(gateway.url + path, {
        method: 'POST',
        headers: { authorization: `Bearer ${otherKey}`, 'content-type': 'application/json' },
        body: typeof body === 'string' ? body : JSON.stringify(body),
        ...(signal ? { signal } : {}),
      }),
    metrics: async () => (await fetch(gateway.metricsUrl)).text(),
    async [Symbol.asyncDispose]() {
      await gateway.close();
      await Promise.all(workers.map((worker) => worker.close()));
      await fleet.close();
    },
  };
}
