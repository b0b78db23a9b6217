import { z } from 'zod';
import { duration, int32, rules } from '../fields.ts';

/** `spec.rollout`: how replicas are replaced. */
export const rollout = z
  .object({
    strategy: z
      .enum(['RollingUpdate', 'Recreate'])
      .default('RollingUpdate')
      .describe('Recreate ends all old replicas before it starts new ones.'),
    maxSurge: int32(0, 1000).default(1).describe('Replicas above `replicas` during a rollout.'),
    maxUnavailable: int32(0, 1000).default(0).describe('Replicas that may be missing during a rollout.'),
    noProgressTimeout: duration
      .default('5m')
      .describe('A replica that makes no progress for this long is Stalled. There is no limit on the total time.'),
    drainTimeout: duration.default('5m').describe('How long a replica may finish its requests before it ends.'),
    revisionHistoryLimit: int32(0, 100).default(10).describe('Former revisions without replicas that are kept for a rollback.'),
  })
  .meta(
    rules({
      rule: "self.strategy == 'Recreate' || self.maxSurge > 0 || self.maxUnavailable > 0",
      message: 'with rollout.maxSurge and rollout.maxUnavailable both 0 a rollout cannot move: raise one of them',
    }),
  )
  .describe('How replicas are replaced.');
