import { type Random, systemClock } from '../core/clock.ts';
import { silentLogger } from '../core/logger.ts';
import type { InformerCache } from '../kube/index.ts';
import { Fleet } from './fleet.ts';
import { Identities } from './identity/identities.ts';
import type { Peers } from './peers.ts';
import { type Gateway, type ServeOptions, serve } from './serve.ts';
import { type Counts, countRequests } from './stats.ts';
import { ConnectionPool } from './upstream/pool.ts';
import { watchCluster } from './watch.ts';

/** What a gateway needs of its surroundings. */
export type GatewayOptions = ServeOptions & {
  /** Copies of the cluster's objects; the caller runs it, before or after the start. */
  readonly cache: InformerCache;
  /** Serve the models of this namespace only. */
  readonly namespace?: string | undefined;
  /** The other gateways, with whom this one shares the replicas; there are none unless told. */
  readonly peers?: Peers | undefined;
  readonly random?: Random | undefined;
};

/** A gateway that serves the models of a cluster. */
export type ClusterGateway = Gateway & {
  /** How many requests of each deployment are here now: what `/stats` tells, for who runs in the same process. */
  requests(): Counts;
};

/**
 * Starts the gateway: resolves when it listens; `/readyz` answers 200 once the cluster has been read.
 * Rejects when an address is taken.
 */
export async function startGateway(options: GatewayOptions): Promise<ClusterGateway> {
  const { cache, namespace, peers, random = Math.random, clock = systemClock, logger = silentLogger } = options;
  const onWedged = (model: string, replica: string) =>
    logger.warn({ model, replica }, 'a replica has sent nothing to several streams for too long: it is left alone and the controller told');
  const fleet = new Fleet({ open: (origin) => new ConnectionPool(origin), random, now: () => clock.now(), onWedged });
  const identities = new Identities({ clock, logger });
  const unsubscribe = peers?.subscribe((rank) => fleet.setRank(rank));
  if (peers) fleet.setRank(peers.rank);
  const watch = watchCluster(cache, fleet, identities, namespace);
  const gateway = await serve(fleet, identities, watch.waitingFor, {
    ...(peers && { gateways: () => peers.rank.gateways }),
    ...options,
  }).catch((error: unknown) => {
    watch.stop();
    unsubscribe?.();
    throw error;
  });
  return {
    ...gateway,
    requests: () => countRequests(fleet.all()),
    async close(closeOptions) {
      await gateway.close(closeOptions);
      watch.stop();
      unsubscribe?.();
      await fleet.close();
    },
  };
}
