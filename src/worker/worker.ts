import { once } from 'node:events';
import type { Server } from 'node:http';
import { loadingHeader } from '../core/agent-contract.ts';
import type { Clock } from '../core/clock.ts';
import { errors } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import { createManagementServer } from './agent/management-server.ts';
import { WorkerMetrics } from './agent/metrics.ts';
import { describe } from './agent/phases.ts';
import { type MortalEngine, Supervisor } from './agent/supervisor.ts';
import { sourceFor } from './artifacts/sources.ts';
import type { Engine } from './engines/engine.ts';
import type { WorkerOptions } from './options.ts';
import { Admission } from './server/admission.ts';
import { CacheUse } from './server/cache-use.ts';
import { Farewell } from './server/farewell.ts';
import { createServingServer } from './server/server.ts';
import { refusedToDrain, type Serving } from './server/serving.ts';

/** Requests that may wait in a worker: the gateway keeps the real queue, this one only smooths its edges. */
const queueLimit = 128;

/** Gateways hear of a drain a moment after it has begun. */
const defaultLingerMs = 3_000;

export type WorkerParts = {
  readonly spawn: () => MortalEngine;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How long after the beginning of a drain callers may still come to be told of it; 3 s unless told. */
  readonly lingerMs?: number;
};

/** A worker whose two ports answer and whose model is loading. */
export type RunningWorker = {
  readonly port: number;
  readonly managementPort: number;
  /** Refuses new requests; those that run or wait go on. */
  drain(): void;
  /** Drains, within the drain timeout; then cuts off what still runs, closes the serving port when no caller is surprised, and ends the rest. */
  stop(): Promise<void>;
  /** Ends the engine process without waiting for anything. */
  kill(): void;
};

/** Opens both ports, then loads the model in the background. Throws when a port is taken or the source is not usable at all. */
export async function startWorker(
  options: WorkerOptions,
  { spawn, clock, logger, lingerMs = defaultLingerMs }: WorkerParts,
): Promise<RunningWorker> {
  const startedAt = clock.now();
  const stopping = new AbortController();
  const cutOff = new AbortController();

  const admission = new Admission(options.name, options.maxSequences, queueLimit);
  const cache = new CacheUse();
  const metrics = new WorkerMetrics(options.name, {
    running: () => admission.running,
    waiting: () => admission.waiting,
    kvCacheUsage: () => cacheShare() ?? 0,
    loadPercent: () => status().percent ?? Number.NaN,
    ready: () => status().phase === 'Ready',
    draining: () => farewell.begun,
  });
  const supervisor = new Supervisor({
    plan: {
      source: {
        fetch: async (...call) => {
          const { pathMap, cacheDir, sourceToken: token } = options;
          return await sourceFor(options.source, { pathMap, cacheDir, token, clock }).fetch(...call);
        },
      },
      patterns: options.files,
      checksums: options.checksums,
      request: {
        device: options.device,
        maxSequences: options.maxSequences,
        ...(options.contextLength === undefined ? {} : { contextLength: options.contextLength }),
      },
    },
    spawn,
    wedgeTimeoutMs: options.wedgeTimeoutMs,
    metrics,
    clock,
    logger,
  });

  const cacheShare = () => cache.shareOf(supervisor.state.cacheTokens);
  const status = () => {
    const { running: inFlight, waiting } = admission;
    const around = { model: options.name, engine: options.engine, inFlight, waiting, draining: farewell.begun, kvCacheUsage: cacheShare() };
    return describe(supervisor.state, around, clock.now());
  };
  const drain = () => {
    if (!farewell.begun) logger.info({ inFlight: admission.running, waiting: admission.waiting }, 'draining');
    farewell.begin();
  };
  const engine = (): Engine => supervisor.engine ?? refuse();
  const accept = (): void => {
    if (farewell.begun) throw refusedToDrain();
    engine();
  };
  const refuse = (): never => {
    const { phase, etaSeconds } = status();
    const error = phase === 'Failed' ? errors.modelUnavailable(options.name) : errors.modelLoading(options.name, etaSeconds);
    throw error.withHeaders({ 'retry-after': String(Math.max(1, Math.ceil(etaSeconds ?? 5))), [loadingHeader]: 'true' });
  };

  const serving: Serving = { model: options.name, accept, engine, admission, cache, metrics, clock, cutOff: cutOff.signal };
  const management = createManagementServer({ status, drain, metrics }, logger);
  const server = createServingServer(serving, startedAt, logger);
  const farewell = new Farewell(server, clock);
  await Promise.all([listen(management, options.host, options.managementPort), listen(server, options.host, options.port)]).catch(
    (error: unknown) => {
      management.close();
      server.close();
      throw error;
    },
  );
  logger.info({ port: portOf(server), managementPort: portOf(management), model: options.name }, 'worker ports answer');
  const running = supervisor.run(stopping.signal);

  const stop = async () => {
    drain();
    const inTime = new AbortController();
    const deadline = clock.sleep(options.drainTimeoutMs, inTime.signal).then(
      () => cutOff.abort(),
      () => undefined, // everything was answered in time
    );
    await farewell.answered(cutOff.signal);
    inTime.abort();
    await deadline;
    await farewell.close(lingerMs);
    stopping.abort();
    await running;
    management.close();
    management.closeAllConnections();
  };
  return { port: portOf(server), managementPort: portOf(management), drain, stop, kill: () => supervisor.kill() };
}

async function listen(server: Server, host: string, port: number): Promise<void> {
  server.listen(port, host);
  await once(server, 'listening');
}

function portOf(server: Server): number {
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('the server does not listen on a port');
  return address.port;
}
