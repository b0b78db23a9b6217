import type { AgentStatus } from '../../src/core/agent-contract.ts';

/** What the prober knows of a replica's agent. Instants are by our own clock, milliseconds since the epoch. */
export type Probe = {
  /** Its last answer since the container started. */
  readonly status?: AgentStatus;
  /** Since when this container is asked. */
  readonly askedSince?: number;
  /** When it last answered. */
  readonly answeredAt?: number;
  /** Why there was no answer the last time; absent when there was one. */
  readonly problem?: string;
  /** When an answer last got further than ever. */
  readonly progressedAt?: number;
  /** When its phase last changed. */
  readonly phaseSince?: number;
  /** How often its progress went back, once that is more than is believed. */
  readonly wentBack?: number;
  /** The last failure that it told, also of containers before this one: the last words. */
  readonly lastFailure?: { readonly reason: string; readonly message: string };
  /** The newest failure that was told since it is asked, perhaps only once it was over; `at` is when it was heard of. */
  readonly mishap?: Mishap;
};

export type Mishap = { readonly reason: string; readonly message: string; readonly at: number };
