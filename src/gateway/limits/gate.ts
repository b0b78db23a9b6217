import { defaultOutagePolicies, type LimitName, type OutagePolicy, type Rates } from '../../api/tenant-limits.ts';

/** Whose use a gate counts. */
export type Scope = 'tenant' | 'key' | 'model';

/** One limit that a request must pass: a counter of its own, in this process or in the store that gateways share. */
export type Gate = {
  readonly name: LimitName;
  readonly scope: Scope;
  /** Names the counter. All counters of a tenant hash to one slot of a cluster, so that one call can change them together. */
  readonly key: string;
  readonly limit: number;
  readonly onOutage: OutagePolicy;
};

/** What the limits ask of requests for one model. */
export type ModelGates = { readonly model: string; readonly gates: readonly Gate[] };

/** What each limit does while the store of all gateways is gone. */
export type OutagePolicies = { readonly [N in LimitName]?: OutagePolicy | undefined };

const names: readonly LimitName[] = ['requestsPerMinute', 'tokensPerMinute', 'concurrency', 'tokensPerDay', 'tokensPerMonth'];

/** The gates of a set of limits; `subject` tells those of one scope apart: the name of a key, or of a model. */
export function gatesOf(tenant: string, scope: Scope, subject: string, rates: Rates, onOutage: OutagePolicies = {}): Gate[] {
  return names.flatMap((name) => {
    const limit = rates[name];
    if (limit === undefined) return [];
    const key = `modelfleet:{${tenant}}:${scope}:${subject}:${name}`;
    return [{ name, scope, key, limit, onOutage: onOutage[name] ?? defaultOutagePolicies[name] }];
  });
}
