import type { Registry } from 'prom-client';
import { DemandWatch } from '../../controllers/demand/demand-watch.ts';
import { exportStatsAge } from '../../controllers/demand/stats-age.ts';
import type { Logger } from '../core/logger.ts';
import { TokenFile } from '../core/token-file.ts';
import { type InformerCache, type Manager, pods } from '../kube/index.ts';
import { podNamespace } from './pod-namespace.ts';

/** The flags by which the controller finds the gateways. */
export type DemandFlags = {
  /** Nobody is asked unless given. */
  readonly statsTokenFile?: string;
  readonly gatewaySelector: string;
  readonly gatewayNamespace?: string;
};

type Parts = {
  readonly manager: Manager;
  readonly cache: InformerCache;
  /** Where it is exported how long each gateway has been silent. */
  readonly registry: Registry;
  readonly logger: Logger;
};

/**
 * Asks the gateways how many requests wait, as long as `manager` runs; undefined when it is not told how they know it.
 * In a pod only those of its own namespace are asked, unless told: the token is shown to every pod that looks like one.
 */
export async function addDemandWatch(
  { statsTokenFile, gatewaySelector, gatewayNamespace }: DemandFlags,
  { manager, cache, registry, logger }: Parts,
): Promise<DemandWatch | undefined> {
  if (statsTokenFile === undefined) return undefined;
  const tokens = await TokenFile.open(statsTokenFile);
  const namespace = gatewayNamespace ?? podNamespace();
  const gateways = cache.informer(pods, { ...(namespace !== undefined && { namespace }), labelSelector: gatewaySelector });
  const demand = new DemandWatch({ gateways, tokens, logger });
  exportStatsAge(registry, demand);
  manager.addRunnable(demand);
  return demand;
}
