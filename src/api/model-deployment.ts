import type { ObjectMeta } from 'kubernetes-types/meta/v1.js';
import type { z } from 'zod';
import { parseDuration } from '../core/durations.ts';
import { modelDeploymentSpec } from './model-deployment-spec.ts';
import type { modelDeploymentStatus } from './model-deployment-status.ts';
import type { apiVersion } from './resources.ts';
import { health } from './spec/health.ts';
import { serving } from './spec/serving.ts';

/** What a user writes: defaults may be missing. */
export type ModelDeploymentSpec = z.input<typeof modelDeploymentSpec>;
/** The same with every default filled in. */
export type ResolvedSpec = z.output<typeof modelDeploymentSpec>;
export type ModelDeploymentStatus = z.infer<typeof modelDeploymentStatus>;
export type Condition = NonNullable<ModelDeploymentStatus['conditions']>[number];
export type ReplicaStatus = NonNullable<ModelDeploymentStatus['replicaStatuses']>[number];
export type LoadingStatus = NonNullable<ModelDeploymentStatus['loading']>;
export type LoadTimes = NonNullable<ModelDeploymentStatus['loadTimes']>[number];
export type SeenFailure = NonNullable<ModelDeploymentStatus['failures']>[number];

/** A ModelDeployment as it travels: raw JSON, timestamps are text. */
export type ModelDeployment = {
  readonly apiVersion: typeof apiVersion;
  readonly kind: 'ModelDeployment';
  readonly metadata: ObjectMeta & { readonly name: string };
  readonly spec: ModelDeploymentSpec;
  readonly status?: ModelDeploymentStatus;
};

/** Limits and defaults of serving, with durations in milliseconds. */
export type ServingLimits = {
  readonly maxConcurrencyPerReplica: number;
  readonly balancing: 'LeastLoad' | 'PrefixAffinity';
  readonly maxQueue: number;
  readonly maxQueueTokens: number | undefined;
  readonly queueTimeoutMs: number;
  readonly holdTimeoutMs: number;
  readonly firstTokenTimeoutMs: number;
  readonly idleStreamTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly temperature: number | undefined;
  readonly topP: number | undefined;
  readonly maxOutputTokens: number | undefined;
  readonly systemPrompt: string | undefined;
  readonly cacheTtlMs: number | undefined;
  /** A silence of so long means that the engine hangs. */
  readonly wedgeTimeoutMs: number;
};

/** The spec with defaults; throws a ZodError that names the fields when it is not valid. */
export function resolveSpec(deployment: ModelDeployment): ResolvedSpec {
  return modelDeploymentSpec.parse(deployment.spec);
}

/** Every id that a request may use for this model, the preferred one first; `namespace/name` is always among them. */
export function servedNames(deployment: ModelDeployment): readonly string[] {
  const { name = '', namespace = '' } = deployment.metadata;
  return [...new Set([...(deployment.spec.serving?.names ?? [name]), `${namespace}/${name}`])];
}

/** The limits under which the gateway serves this model. */
export function servingLimits(deployment: ModelDeployment): ServingLimits {
  const limits = serving.parse(deployment.spec.serving ?? {});
  return {
    maxConcurrencyPerReplica: limits.maxConcurrencyPerReplica,
    balancing: limits.balancing,
    maxQueue: limits.maxQueue,
    maxQueueTokens: limits.maxQueueTokens,
    queueTimeoutMs: parseDuration(limits.queueTimeout),
    holdTimeoutMs: parseDuration(limits.holdTimeout),
    firstTokenTimeoutMs: parseDuration(limits.firstTokenTimeout),
    idleStreamTimeoutMs: parseDuration(limits.idleStreamTimeout),
    requestTimeoutMs: parseDuration(limits.requestTimeout),
    temperature: limits.defaults?.temperature,
    topP: limits.defaults?.topP,
    maxOutputTokens: limits.maxOutputTokens,
    systemPrompt: limits.systemPrompt,
    cacheTtlMs: limits.cache && parseDuration(limits.cache.ttl),
    wedgeTimeoutMs: parseDuration(health.parse(deployment.spec.health ?? {}).wedgeTimeout),
  };
}
