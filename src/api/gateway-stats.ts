import { z } from 'zod';
import { contractVersion } from '../core/agent-contract.ts';

/** Path of the stream on the operations port of a gateway. */
export const statsPath = '/stats';

/** Name of that port in a gateway's pod. */
export const statsPortName = 'metrics';

/** A gateway sends a line at least this often, also when nothing changes; who hears none for three of these has lost it. */
export const statsHeartbeatMs = 1_000;

const requests = z.int().min(0);

const requestCounts = z.object({
  /** They wait while no replica is ready. */
  held: requests,
  /** They wait while replicas are ready. */
  queued: requests,
  /** A replica answers them. */
  running: requests,
  /**
   * How many requests have come since the gateway knows the deployment. Told until half a minute after the last one: so those are heard of
   * too that come and go between two lines.
   */
  arrivals: requests.exactOptional(),
  /** What those that are here may cost in tokens: their prompts, estimated by size, and the answers that they ask for. */
  tokensInFlight: z.int().min(0).exactOptional(),
  /**
   * Mean time from request to first token of the streams that began to be answered in the last half minute, in milliseconds, and how
   * many they are. Waiting for a replica is in it; those that waited for a load are left out, for no number of replicas spares them that.
   */
  ttftMillis: z.number().min(0).exactOptional(),
  ttftCount: requests.exactOptional(),
  /** Mean time that a replica works for an answer, in milliseconds; absent before the first. */
  serviceMillis: z.number().min(0).exactOptional(),
  /** Replicas, by the UID of their pod, that have sent nothing to several streams for health.wedgeTimeout; absent when there is none. */
  wedged: z.array(z.string()).readonly().exactOptional(),
});

/** The requests of one model at a gateway: how many, and how they fare. Gateways of earlier versions tell only how many. */
export type RequestCounts = z.infer<typeof requestCounts>;

/**
 * A line of the stream. The first of a connection is full: what it does not name has no request there. Each other one names what
 * changed; a model of which nothing is left to tell is named once, with zeros. `models` is by `namespace/name`, `at` RFC 3339 by the gateway's clock.
 */
export const gatewayStats = z.object({
  contract: z.literal(contractVersion),
  gateway: z.string(),
  at: z.string(),
  full: z.boolean(),
  models: z.record(z.string(), requestCounts),
});

export type GatewayStats = z.infer<typeof gatewayStats>;
