import { z } from 'zod';
import { duration, int32, rules, scalingBehavior, text } from '../fields.ts';

/** `spec.scaling`: how many replicas run, by the load. */
export const scaling = z
  .object({
    minReplicas: int32(0, 1000).default(1).describe('Fewest replicas; 0 lets an idle model go.'),
    maxReplicas: int32(1, 1000).describe('Most replicas.'),
    targetRequestsPerReplica: int32(1, 100_000).default(8).describe('Requests in the system (held, queued and running) for each replica.'),
    targetKVCacheUsage: text(
      /^(0\.0{0,3}[1-9][0-9]{0,3}|1(\.0{1,4})?)$/,
      6,
      'write a share of the KV cache above 0 and up to 1, in quotes, such as "0.8"',
    )
      .describe('Share of the KV cache that may be in use, as a mean over the replicas. The largest of the wanted replica counts wins.')
      .exactOptional(),
    targetTimeToFirstToken: duration
      .describe('Mean time from request to first token, waiting included, above which replicas are added. The largest count wins.')
      .exactOptional(),
    idleTimeout: duration.default('10m').describe('Silence after which the model goes to zero, when minReplicas is 0.'),
    behavior: scalingBehavior
      .describe(
        'As `behavior` of an autoscaling/v2 HorizontalPodAutoscaler; what is left out is as suits models: up at once, down after five minutes or twice the time of a load.',
      )
      .exactOptional(),
  })
  .meta(
    rules(
      {
        rule: 'self.minReplicas <= self.maxReplicas',
        message: 'scaling.minReplicas is above scaling.maxReplicas: lower the one or raise the other',
      },
      {
        rule: "!has(self.targetTimeToFirstToken) || self.targetTimeToFirstToken.matches('[1-9]')",
        message: 'scaling.targetTimeToFirstToken must be longer than nothing: write a duration such as 2s, or leave it out',
      },
    ),
  )
  .describe('Scales the replicas with the load. Without it `replicas` stays as it is set.');
