import type { MetricStatus } from 'kubernetes-types/autoscaling/v2.d.ts';
import { z } from 'zod';
import type { HorizontalPodAutoscaler } from '../../../controllers/scaling/autoscaler.ts';
import { parseQuantity } from '../apiserver/schema/quantity.ts';
import { completeBehavior } from './behavior.ts';
import type { HpaSpec } from './hpa.ts';
import type { MetricReading, MetricTarget } from './recommend.ts';

/** A Kubernetes quantity as a number. */
export const quantityNumber = z.union([z.number(), z.string()]).transform((text, context) => {
  const billionths = parseQuantity(String(text));
  if (billionths !== undefined) return Number(billionths) / 1e9;
  context.addIssue({ code: 'custom', message: `"${text}" is not a quantity such as 8 or 1500m` });
  return z.NEVER;
});

const policy = z.object({
  type: z.enum(['Pods', 'Percent']),
  value: z.int().min(1),
  periodSeconds: z.int().min(1).max(1_800),
});
const rules = z.object({
  stabilizationWindowSeconds: z.int().min(0).max(3_600).exactOptional(),
  selectPolicy: z.enum(['Max', 'Min', 'Disabled']).exactOptional(),
  policies: z.array(policy).min(1).exactOptional(),
  tolerance: quantityNumber.exactOptional(),
});
const requirement = z.object({
  key: z.string(),
  operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist']),
  values: z.array(z.string()).exactOptional(),
});
const selector = z.object({
  matchLabels: z.record(z.string(), z.string()).exactOptional(),
  matchExpressions: z.array(requirement).exactOptional(),
});
const external = z.object({
  metric: z.object({ name: z.string(), selector: selector.exactOptional() }),
  target: z.discriminatedUnion('type', [
    z.object({ type: z.literal('AverageValue'), averageValue: quantityNumber }),
    z.object({ type: z.literal('Value'), value: quantityNumber }),
  ]),
});
const autoscalerSpec = z.object({
  scaleTargetRef: z.object({ apiVersion: z.string().exactOptional(), kind: z.string(), name: z.string() }),
  minReplicas: z.int().default(1),
  maxReplicas: z.int(),
  behavior: z.object({ scaleUp: rules.exactOptional(), scaleDown: rules.exactOptional() }).exactOptional(),
  metrics: z.array(z.object({ type: z.string(), external: external.exactOptional() })).default([]),
});

/** A metric that an autoscaler asks for; without a query it is of a type that is not served. */
export type WantedMetric =
  | { readonly kind: 'external'; readonly name: string; readonly selector: string; readonly target: MetricTarget }
  | { readonly kind: 'other'; readonly type: string };

/** What an autoscaler object says, in the words of the rule. */
export type Wish = {
  readonly target: { readonly apiVersion: string; readonly kind: string; readonly name: string };
  readonly spec: HpaSpec;
  readonly metrics: readonly WantedMetric[];
};

/** Reads an autoscaler's spec; a text for people when something in it cannot be followed. */
export function wishOf(autoscaler: HorizontalPodAutoscaler): Wish | string {
  const parsed = autoscalerSpec.safeParse(autoscaler.spec);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return `spec.${issue?.path.join('.')} cannot be followed: ${issue?.message}`;
  }
  const { scaleTargetRef, minReplicas, maxReplicas, behavior, metrics } = parsed.data;
  return {
    target: { apiVersion: '', ...scaleTargetRef },
    spec: { minReplicas, maxReplicas, behavior: completeBehavior(behavior) },
    metrics: metrics.map(({ type, external }) =>
      type !== 'External' || external === undefined
        ? { kind: 'other', type }
        : {
            kind: 'external',
            name: external.metric.name,
            selector: selectorText(external.metric.selector),
            target:
              external.target.type === 'AverageValue'
                ? { kind: 'AverageValue', value: external.target.averageValue }
                : { kind: 'Value', value: external.target.value },
          },
    ),
  };
}

function selectorText({ matchLabels = {}, matchExpressions = [] }: z.infer<typeof selector> = {}): string {
  const equal = Object.entries(matchLabels).map(([key, value]) => `${key}=${value}`);
  const others = matchExpressions.map(requirementText);
  return [...equal, ...others].join(',');
}

function requirementText({ key, operator, values = [] }: z.infer<typeof requirement>): string {
  switch (operator) {
    case 'In':
      return `${key} in (${values.join(',')})`;
    case 'NotIn':
      return `${key} notin (${values.join(',')})`;
    case 'Exists':
      return key;
    case 'DoesNotExist':
      return `!${key}`;
  }
}

/** The last values of the metrics, as `status.currentMetrics` has them; those that could not be read are left out. */
export function currentMetrics(autoscaler: HorizontalPodAutoscaler, readings: readonly MetricReading[], replicas: number): MetricStatus[] {
  return readings.flatMap(({ target, observed }, at): MetricStatus[] => {
    const source = autoscaler.spec?.metrics?.[at]?.external;
    if (observed.kind === 'missing' || source === undefined) return [];
    const total = observed.values.reduce((sum, value) => sum + value, 0);
    const current =
      target.kind === 'Value' ? { value: quantityText(total) } : { averageValue: quantityText(replicas === 0 ? total : total / replicas) };
    return [{ type: 'External', external: { metric: source.metric, current } }];
  });
}

/** Thousandths where it is not whole, rounded up. */
function quantityText(value: number): string {
  const milli = Math.ceil(Number((value * 1000).toFixed(6)));
  return milli % 1000 === 0 ? String(milli / 1000) : `${milli}m`;
}
