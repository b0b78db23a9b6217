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
});

/** How many requests of one model are at a gateway. */
export type RequestCounts = z.infer<typeof requestCounts>;

/**
 * A line of the stream. The first of a connection is full: what it does not name has no request there. Each other one names what
 * changed; a model without requests is named once, with zeros. `models` is by `namespace/name`, `at` RFC 3339 by the gateway's clock.
 */
export const gatewayStats = z.object({
  contract: z.literal(contractVersion),
  gateway: z.string(),
  at: z.string(),
  full: z.boolean(),
  models: z.record(z.string(), requestCounts),
});

export type GatewayStats = z.infer<typeof gatewayStats>;
