import { createHash } from 'node:crypto';
import type { ModelDeployment, ResolvedSpec } from '../../../src/api/model-deployment.ts';
import { annotations } from '../../../src/api/resources.ts';

/**
 * A short name for what the user asks of a pod: replicas of another revision are replaced.
 * It follows from the deployment alone, never from how this version of the operator builds a pod or which images it was given,
 * so that an upgrade restarts no worker (docs/adr/0002). A field that joins must be undefined for those who do not use it.
 */
export function revisionOf({ metadata }: ModelDeployment, spec: ResolvedSpec): string {
  const { model, engine, resources, placement, cache, template, rollout, health } = spec;
  const asked = {
    restartedAt: metadata.annotations?.[annotations.restartedAt],
    model: {
      source: model.source,
      files: model.files,
      checksums: model.checksums,
      secretRef: model.secretRef?.name,
      contextLength: model.contextLength,
      adapters: model.adapters,
    },
    engine: {
      type: engine.type,
      device: engine.device,
      image: engine.image,
      args: engine.args,
      env: engine.env,
      maxSequences: engine.tuning?.maxSequences,
    },
    resources: {
      gpu: resources.gpu && { resource: resources.gpu.resource, count: resources.gpu.count },
      requests: resources.requests,
      limits: resources.limits,
      sharedMemory: resources.sharedMemory,
      claims: resources.claims,
    },
    placement: {
      nodeSelector: placement.nodeSelector,
      tolerations: placement.tolerations,
      affinity: placement.affinity,
      priorityClassName: placement.priorityClassName,
      runtimeClassName: placement.runtimeClassName,
      topologySpread: placement.topologySpread,
    },
    cache: { type: cache.type, size: cache.type === 'Ephemeral' ? cache.size : undefined },
    template,
    drainTimeout: rollout.drainTimeout,
    wedgeTimeout: health.wedgeTimeout,
  };
  return createHash('sha256').update(canonicalJson(asked)).digest('hex').slice(0, 10);
}

/** The same text for the same wishes: maps have no order, and a quantity may be written 4 or "4". */
function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, field: unknown) => {
    if (typeof field === 'number') return String(field);
    if (typeof field !== 'object' || field === null || Array.isArray(field)) return field;
    return Object.fromEntries(Object.entries(field).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
