import type { ServingLimits as DeploymentLimits } from '../api/model-deployment.ts';
import type { ReplicaPhase } from '../core/phases.ts';
import type { Account } from './identity/account.ts';
import type { Credential } from './identity/credential.ts';

/** Who calls, as far as the gateway may tell others: the account of a tenant and the name of the key, never the key itself. */
export type Caller = Account & { readonly keyName: string };

/** Finds the caller of an API key or a token. */
export type Keys = {
  /** The caller that this belongs to; undefined when it is unknown or expired at `now`. Waits only for a token that has to be proved. */
  find(credential: Credential, now: number): Caller | undefined | Promise<Caller | undefined>;
  /** The keys that have been used since the gateway started. */
  uses(): Iterable<KeyUse>;
};

/** When a key was used last, in milliseconds since the Unix epoch. */
export type KeyUse = { readonly tenant: string; readonly keyName: string; readonly lastUsedAt: number };

/** Bounds of a deployment's serving, defaults applied. */
export type ServingLimits = Pick<
  DeploymentLimits,
  | 'maxConcurrencyPerReplica'
  | 'maxQueue'
  | 'queueTimeoutMs'
  | 'holdTimeoutMs'
  | 'firstTokenTimeoutMs'
  | 'idleStreamTimeoutMs'
  | 'requestTimeoutMs'
> &
  Partial<
    Pick<
      DeploymentLimits,
      'balancing' | 'maxQueueTokens' | 'maxOutputTokens' | 'temperature' | 'topP' | 'systemPrompt' | 'cacheTtlMs' | 'wedgeTimeoutMs'
    >
  >;

/**
 * Whether waiting can help: `serving` covers loading, and a model that sleeps until it is called; the others refuse at once.
 * `scaledToZero` has no replicas because somebody wants that, so that no call brings one.
 */
export type Availability = 'serving' | 'suspended' | 'scaledToZero' | 'failed' | 'deleted';

/** How far a deployment without a ready replica is. */
export type Loading = {
  /** Phase of the replica that governs. */
  readonly phase: ReplicaPhase;
  /** How far the whole way has been gone. */
  readonly percent: number;
  /** Seconds until a replica is expected to be ready; undefined when unknown. */
  readonly etaSeconds?: number | undefined;
};

/** A deployment as the data plane sees it. */
export type ModelSpec = {
  /** `namespace/name` of the deployment: always resolves, and names it in metrics. */
  readonly key: string;
  /** Public names it claims. The older deployment keeps a name that two claim. */
  readonly names: readonly string[];
  /** Milliseconds since the Unix epoch. */
  readonly createdAt: number;
  readonly limits: ServingLimits;
  /** Its workers know OpenAI's responses; else they are asked for chats. */
  readonly servesResponses?: boolean | undefined;
  readonly availability: Availability;
  /** Adapters of the model: `NAME:ADAPTER` asks for one of them. */
  readonly adapters?: readonly string[] | undefined;
  /** Labels of the deployment, by which tenants may be given models. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** Undefined when nothing loads, or nothing is told of it. */
  readonly loading?: Loading | undefined;
};

/** A replica as the data plane sees it; `id` stays the same for the life of the pod. */
export type ReplicaSpec = {
  readonly id: string;
  readonly name: string;
  /** `http://host:port` of its serving port. */
  readonly origin: string;
  /** Loaded and not leaving: it may be given new requests. */
  readonly ready: boolean;
  /** Names of the adapters that it has loaded once it is ready. */
  readonly adapters?: readonly string[] | undefined;
};
