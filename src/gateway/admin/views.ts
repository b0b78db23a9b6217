import type { Reading } from '../limits/store.ts';
import type { Model } from '../models.ts';
import type { KeyUse } from '../ports.ts';

/** How the requests of each deployment stand, for people: who waits, who runs, and where. */
export function queueViews(models: Iterable<Model>): readonly object[] {
  return [...models].map(({ spec, line }) => {
    const waiting = line.length;
    const held = line.readyReplicas === 0 ? waiting : 0;
    return {
      model: spec.key,
      names: spec.names,
      availability: spec.availability,
      held,
      queued: waiting - held,
      running: line.inFlight,
      maxQueue: spec.limits.maxQueue,
      tokensInFlight: line.tokensInFlight,
      serviceMillis: line.experience.serviceMs === undefined ? null : Math.round(line.experience.serviceMs),
      loading: spec.loading ?? null,
      replicas: [...line.replicas].map(({ name, ready, inFlight, wedged, health }) => ({
        name,
        ready,
        running: inFlight,
        health: wedged ? 'wedged' : health.kind,
      })),
    };
  });
}

/** How the limits stand, the scarcest first. */
export function limitViews(readings: readonly Reading[]): readonly object[] {
  const scarcity = ({ gate, remaining }: Reading) => remaining / Math.max(gate.limit, 1);
  return [...readings]
    .sort((a, b) => scarcity(a) - scarcity(b) || (a.gate.key < b.gate.key ? -1 : 1))
    .map(({ gate, remaining, resetMs }) => ({
      counter: gate.key,
      scope: gate.scope,
      name: gate.name,
      limit: gate.limit,
      remaining,
      resetMillis: Math.ceil(resetMs),
    }));
}

/** When each key was used last, the latest first. */
export function keyViews(uses: Iterable<KeyUse>): readonly object[] {
  return [...uses]
    .sort((a, b) => b.lastUsedAt - a.lastUsedAt)
    .map(({ tenant, keyName, lastUsedAt }) => ({ tenant, key: keyName, lastUsedAt: new Date(lastUsedAt).toISOString() }));
}
