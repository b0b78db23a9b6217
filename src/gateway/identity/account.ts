import type { AllowedModels, TenantKey, TenantSpec } from '../../api/tenant.ts';
import { type Gate, gatesOf, type ModelGates } from '../limits/gate.ts';

/** What a tenant may do. */
export type Account = {
  readonly tenant: string;
  /** Share of a busy model, beside those of others. */
  readonly weight: number;
  /** Higher ones are served first. */
  readonly priority: number;
  /** All models when undefined. */
  readonly models: AllowedModels | undefined;
  /** What each of its requests must pass, whatever the model. */
  readonly gates: readonly Gate[];
  readonly perModel: readonly ModelGates[];
  readonly onOutage: NonNullable<TenantSpec['limits']>['onOutage'];
};

/** What of a model decides who may use it. */
type NamedModel = { readonly key: string; readonly labels?: Readonly<Record<string, string>> | undefined };

/** What the spec of a tenant allows. */
export function accountOf(tenant: string, spec: TenantSpec): Account {
  const { weight = 1, priority = 0, models, limits = {} } = spec;
  return {
    tenant,
    weight,
    priority,
    models,
    gates: gatesOf(tenant, 'tenant', '', limits, limits.onOutage),
    perModel: (limits.perModel ?? []).map(({ model, ...rates }) => ({
      model,
      gates: gatesOf(tenant, 'model', model, rates, limits.onOutage),
    })),
    onOutage: limits.onOutage,
  };
}

/** Who calls with this key: the account of its tenant, with the limits of the key. */
export function callerOf(account: Account, key: Pick<TenantKey, 'name' | 'limits'>): Account & { readonly keyName: string } {
  const own = key.limits ? gatesOf(account.tenant, 'key', key.name, key.limits, account.onOutage) : [];
  return { ...account, keyName: key.name, gates: [...account.gates, ...own] };
}

/**
 * Whether a model is among the allowed ones: named as it is called or as `namespace/name`, or selected by its labels.
 * `called` is what the request wrote and must have resolved to `model`: a name that another deployment merely claims opens nothing.
 */
export function mayUse(allowed: AllowedModels | undefined, called: string, model: NamedModel): boolean {
  if (!allowed) return true;
  if (allowed.names?.some((name) => name === called || name === model.key)) return true;
  const wanted = allowed.selector?.matchLabels;
  return wanted !== undefined && Object.entries(wanted).every(([label, value]) => model.labels?.[label] === value);
}
