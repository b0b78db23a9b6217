import { once } from 'node:events';
import type { Server } from 'node:http';
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
import { createServingServer } from './server/server.ts';
import type { Serving } from './server/serving.ts';

/** Requests that may wait in a worker: the gateway keeps the real queue, this one only smooths its edges. */
const queueLimit = 128;

export type WorkerParts = { readonly spawn: () => MortalEngine; readonly clock: Clock; readonly logger: Logger };

/** A worker whose two ports answer and whose model is loading. */
export type RunningWorker = {
  readonly port: number;
  readonly managementPort: number;
  /** Refuses new requests; running ones go on. */
  drain(): void;
  /** Drains, within the drain timeout; then cuts off what still runs, ends the engine and closes the ports. */
  stop(): Promise<void>;
  /** Ends the engine process without waiting for anything. */
  kill(): void;
};

/** Opens both ports, then loads the model in the background. Throws when a port is taken or the source is not usable at all. */
export async function startWorker(options: WorkerOptions, { spawn, clock, logger }: WorkerParts): Promise<RunningWorker> {
  const startedAt = clock.now();
  const stopping = new AbortController();
  const cutOff = new AbortController();
  let draining = false;

  const admission = new Admission(options.name, options.maxSequences, queueLimit);
  const metrics = new WorkerMetrics(options.name, {
    running: () => admission.running,
    waiting: () => admission.waiting,
    loadPercent: () => status().percent ?? Number.NaN,
    ready: () => status().phase === 'Ready',
    draining: () => draining,
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

  const status = () =>
    describe(
      supervisor.state,
      { model: options.name, engine: options.engine, inFlight: admission.running, waiting: admission.waiting, draining },
      clock.now(),
    );
  const drain = () => {
    if (!draining) logger.info({ inFlight: admission.running, waiting: admission.waiting }, 'draining');
    draining = true;
  };
  const engine = (): Engine => {
    if (draining) throw errors.draining().withHeaders({ connection: 'close' });
    return supervisor.engine ?? refuse();
  };
  const refuse = (): never => {
    const { phase, etaSeconds } = status();
    if (phase === 'Failed') throw errors.modelUnavailable(options.name).withHeaders({ 'retry-after': '5' });
    throw errors.modelLoading(options.name, etaSeconds).withHeaders({ 'retry-after': String(Math.max(1, Math.ceil(etaSeconds ?? 5))) });
  };

  const serving: Serving = { model: options.name, engine, admission, metrics, clock, cutOff: cutOff.signal };
  const management = createManagementServer({ status, drain, metrics }, logger);
  const server = createServingServer(serving, startedAt, logger);
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
    server.close();
    await Promise.race([admission.idle(cutOff.signal), clock.sleep(options.drainTimeoutMs, cutOff.signal)]).catch(() => undefined);
    cutOff.abort();
    server.closeIdleConnections();
    stopping.abort();
    await running;
    for (const one of [server, management]) {
      one.close();
      one.closeAllConnections();
    }
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
