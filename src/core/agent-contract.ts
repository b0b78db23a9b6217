import { z } from 'zod';
import { replicaPhases } from './phases.ts';

/** Version of the agreement between controller, gateway and worker; `/status` carries it. */
export const contractVersion = 1;

/** Names of the two ports of a worker container. */
export const httpPortName = 'http';
export const managementPortName = 'management';
export const defaultHttpPort = 8000;
export const defaultManagementPort = 9090;

/**
 * Header of the 503 with which a worker refuses a request because it is about to go: nothing was done, another replica may take it.
 * No failure of the replica.
 */
export const drainingHeader = 'x-modelfleet-draining';

/** Header of the 503 with which a worker refuses a request while its engine does not run, also after a crash: nothing was done, and it will serve again. */
export const loadingHeader = 'x-modelfleet-loading';

/**
 * What the agent answers on `GET /status` of the management port (DESIGN section 7).
 * Sizes are bytes; `percent` is 0-100 over the current phase; instants are RFC 3339.
 * `percent` and `etaSeconds` are null when unknown (a download of unknown length), never invented.
 */
export const agentStatus = z.object({
  contract: z.literal(contractVersion),
  phase: z.enum(replicaPhases),
  percent: z.number().min(0).max(100).nullable(),
  bytesDone: z.number().nullable(),
  bytesTotal: z.number().nullable(),
  bytesPerSecond: z.number().nullable(),
  etaSeconds: z.number().nullable(),
  startedAt: z.string(),
  lastProgressAt: z.string(),
  /** What failed; beside a phase of the ladder what failed before this load, until it has come further. */
  reason: z.string().nullable(),
  /** With `reason` what failed; without it what the load is doing beside the numbers, such as waiting for another replica's download. */
  message: z.string().nullable(),
  /** The last failure of this container's engine, also once it is over; absent while there was none. */
  lastFailure: z.object({ reason: z.string(), message: z.string(), at: z.string() }).optional(),
  model: z.string(),
  engine: z.string(),
  /** What the engine really runs on once loaded, for example `CPU` or `CUDA: NVIDIA H100`; null before. */
  device: z.string().nullable(),
  inFlight: z.number(),
  waiting: z.number(),
  draining: z.boolean(),
  /** The part of the KV cache that running requests have, 0-1; absent while nothing is loaded, and from engines that do not tell it. */
  kvCacheUsage: z.number().optional(),
});

export type AgentStatus = z.infer<typeof agentStatus>;
