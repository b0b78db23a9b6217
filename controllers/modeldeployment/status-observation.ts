import type { Condition, ModelDeployment, ModelDeploymentStatus } from '../../src/api/model-deployment.ts';
import type { ScalingView } from '../scaling/report.ts';
import type { Acceptance } from './acceptance.ts';
import type { Lesson } from './load-times.ts';
import type { TakenName } from './names.ts';
import type { Replica } from './replica.ts';

/** All that the status follows from. */
export type Observation = {
  readonly deployment: ModelDeployment;
  readonly acceptance: Acceptance;
  /** Undefined when the spec could not be read. */
  readonly revision: string | undefined;
  readonly replicas: readonly Replica[];
  /** The status before: progress never goes back, and transition times stay. */
  readonly previous: ModelDeploymentStatus | undefined;
  /** Kind of each node, by name, where it is known. */
  readonly nodeClasses: ReadonlyMap<string, string>;
  /** Requests that wait at gateways. */
  readonly waitingAtGateways: number;
  /** What is known of its scaling; nothing is told of it when left out. */
  readonly scaling?: ScalingView | undefined;
  /** Address of the gateway, without `/v1`. */
  readonly gatewayUrl: string | undefined;
  /** The public names that an older deployment has. */
  readonly taken?: readonly TakenName[] | undefined;
  /** What finished loads taught since the status before. */
  readonly lessons?: readonly Lesson[] | undefined;
  readonly obstacle?: Obstacle | undefined;
  /** Why a rollout goes no further. */
  readonly halted?: Trouble | undefined;
  readonly now: number;
};

/** What is wrong: one word for programs, and for people what to do. */
export type Trouble = { readonly reason: string; readonly message: string };

/** Why replicas could not be created or ended just now. */
export type Obstacle = Trouble & {
  /** Somebody must change something; trying again does not help. */
  readonly refused: boolean;
};

/** What a condition says; its type and its times are added where it is written. */
export type ConditionState = Pick<Condition, 'status' | 'reason' | 'message'>;
