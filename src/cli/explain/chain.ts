import type { ModelDeployment, ResolvedSpec } from '../../api/model-deployment.ts';
import type { Autoscaler } from './autoscaler.ts';

/** A metric as autoscalers read it, or why it cannot be had. */
export type Reading =
  | { readonly kind: 'value'; readonly value: number /** Milliseconds since the epoch. */; readonly at: number }
  | { readonly kind: 'unknown'; readonly why: string };

/** What one gateway has of a model's requests. */
export type GatewayCounts = {
  readonly name: string;
  readonly counts:
    | { readonly kind: 'heard'; readonly waiting: number; readonly running: number; readonly readyReplicas: number }
    | { readonly kind: 'silent'; readonly why: string };
};

/** Each gateway by itself, where the user may look at them; `why` tells where he may not. */
export type Gateways = { readonly each: readonly GatewayCounts[]; readonly why?: string };

/** All that stands between a model's callers and its replicas, at one moment. */
export type Chain = {
  readonly deployment: ModelDeployment;
  readonly spec: ResolvedSpec;
  readonly gateways: Gateways;
  readonly inSystem: Reading;
  readonly waiting: Reading;
  /** The one that has the deployment's name. */
  readonly autoscaler: Autoscaler | undefined;
  /** Names of others that scale the same deployment. */
  readonly rivals: readonly string[];
};
