/** Failures one after the other that end the trust in a replica. */
const failuresToEject = 5;

const firstEjectionMs = 10_000;
const longestEjectionMs = 300_000;

/** Who has been well for so long is ejected as for the first time. */
const forgivenAfterMs = 300_000;

/**
 * What a gateway thinks of a replica by how it answered. `out` gets nothing until then; on `trial` it gets one request at a time,
 * and the first answer decides. Instants are milliseconds of the gateway's clock.
 */
export type Health =
  | { readonly kind: 'well'; readonly failures: number; readonly ejections: number; readonly since: number }
  | { readonly kind: 'out'; readonly until: number; readonly ejections: number }
  | { readonly kind: 'trial'; readonly ejections: number };

export const healthy: Health = { kind: 'well', failures: 0, ejections: 0, since: 0 };

/** Judges a replica that has answered. The same object when nothing changes. */
export function afterAnswer(health: Health, now: number): Health {
  if (health.kind === 'trial') return { kind: 'well', failures: 0, ejections: health.ejections, since: now };
  return health.kind === 'well' && health.failures > 0 ? { ...health, failures: 0 } : health;
}

/** Judges a replica that has failed a request. `mayEject` is false when too many are out already: then it stays, for the others might be no better. */
export function afterFailure(health: Health, now: number, mayEject: boolean): Health {
  switch (health.kind) {
    case 'out':
      return health;
    case 'trial':
      return mayEject ? out(health.ejections, now) : { kind: 'well', failures: failuresToEject, ejections: health.ejections, since: now };
    case 'well': {
      const failures = health.failures + 1;
      if (failures < failuresToEject || !mayEject) return { ...health, failures };
      return out(now - health.since > forgivenAfterMs ? 0 : health.ejections, now);
    }
  }
}

/** Judges a replica that hangs: more failures would not tell more. */
export function afterWedge(health: Health, now: number): Health {
  return health.kind === 'out' ? health : out(health.ejections, now);
}

/** Judges a replica by the clock alone: whose time is over gets its trial. */
export function afterTime(health: Health, now: number): Health {
  return health.kind === 'out' && now >= health.until ? { kind: 'trial', ejections: health.ejections } : health;
}

/** Whether one more may be out: half of the ready ones at most, so that a failure of all, or a request that no replica survives, ejects no fleet. */
export function mayEject(outNow: number, ready: number): boolean {
  return outNow + 1 <= Math.floor(ready / 2);
}

function out(ejections: number, now: number): Health {
  return { kind: 'out', until: now + Math.min(firstEjectionMs * 2 ** ejections, longestEjectionMs), ejections: ejections + 1 };
}
