import { expect, test } from 'vitest';
import { type ModelDeploymentSpec, resolveSpec } from '../../src/api/model-deployment.ts';
import { annotations } from '../../src/api/resources.ts';
import { demandFor } from '../demand/demand.ts';
import { deployment, t0 } from '../modeldeployment/testing/makers.fake.ts';
import type { HorizontalPodAutoscaler } from './autoscaler.ts';
import { type ScalingReport, scalingActive, scalingStatus, valueDueMs } from './report.ts';

type Conditions = Readonly<Record<string, readonly [status: string, reason: string, message?: string]>>;

function autoscaler(conditions: Conditions): HorizontalPodAutoscaler {
  const list = Object.entries(conditions).map(([type, [status, reason, message = '']]) => ({ type, status, reason, message }));
  const metadata = { name: 'qwen', namespace: 'models' };
  return { apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler', metadata, status: { desiredReplicas: 3, conditions: list } };
}

const demand = (running: number) =>
  demandFor('qwen', [{ ready: true, since: t0, heardAt: t0, models: new Map([['qwen', { held: 0, queued: 0, running }]]) }], t0);

/** A deployment of three replicas with 17 requests, unless told otherwise. */
function report(
  spec: Partial<ModelDeploymentSpec> = {},
  { asleep = false, ...fields }: Partial<Omit<ScalingReport, 'view'>> & { readonly asleep?: boolean } = {},
  view: Partial<ScalingReport['view']> = {},
): ScalingReport {
  const metadata = asleep ? { annotations: { [annotations.asleep]: '2026-01-01T00:00:00Z' } } : {};
  const subject = deployment({ replicas: 3, scaling: { maxReplicas: 8 }, ...spec }, metadata);
  const seen = { autoscaler: autoscaler({ ScalingActive: ['True', 'ValidMetricFound', 'it counts'] }), trouble: undefined };
  return {
    deployment: subject,
    spec: resolveSpec(subject),
    view: { ...seen, demand: demand(17), ...view },
    standing: 3,
    atWorkers: 0,
    previous: undefined,
    now: t0,
    ...fields,
  };
}

test('tells value, share of each replica, and what is wanted', () => {
  expect(scalingStatus(report())).toEqual({
    metric: 'modelfleet_requests_in_system',
    value: 17,
    perReplica: '5.7',
    desired: 3,
    observedAt: '2026-01-01T00:00:00Z',
  });
  expect(scalingStatus(report({}, { atWorkers: 20 }))).toMatchObject({ value: 20 });
  expect(scalingStatus(report({ replicas: 0 }, { standing: 0 }))).toMatchObject({ desired: 0, perReplica: '17' });
});

test('tells no limit of a decision that was about another number', () => {
  const limited = autoscaler({ ScalingLimited: ['True', 'TooManyReplicas'] });
  expect(scalingStatus(report({ replicas: 5 }, {}, { autoscaler: limited }))).not.toHaveProperty('limitedBy');
});

test('is not there without scaling', () => {
  const unscaled = report();
  const spec = { ...unscaled.spec, scaling: undefined } as unknown as ScalingReport['spec'];
  expect(scalingStatus({ ...unscaled, spec })).toBeUndefined();
  expect(scalingActive({ ...unscaled, spec })).toBeUndefined();
});

test.each([
  ['MaxReplicas', { ScalingLimited: ['True', 'TooManyReplicas'] }],
  ['ScaleUpPolicies', { ScalingLimited: ['True', 'ScaleUpLimit'] }],
  ['ScaleDownWindow', { AbleToScale: ['True', 'ScaleDownStabilized'], ScalingLimited: ['False', 'DesiredWithinRange'] }],
  [undefined, { AbleToScale: ['True', 'ReadyForNewScale'], ScalingLimited: ['False', 'DesiredWithinRange'] }],
] satisfies [string | undefined, Conditions][])('tells what limits it: %s', (limitedBy, conditions) => {
  expect(scalingStatus(report({}, {}, { autoscaler: autoscaler(conditions) }))?.limitedBy).toBe(limitedBy);
});

test('tells a value alone no oftener than every thirty seconds, and all else at once', () => {
  const previous = scalingStatus(report());
  const later = (seconds: number, running = 20, spec = {}) =>
    report(spec, { previous, now: t0 + seconds * 1_000 }, { demand: { ...demand(running), oldestMs: 0 } });
  expect(scalingStatus(later(29))).toBe(previous);
  expect(valueDueMs(later(29))).toBe(1_000);
  expect(scalingStatus(later(30))).toMatchObject({ value: 20 });
  expect(scalingStatus(later(90, 17))).toBe(previous);
  expect(valueDueMs(later(90, 17))).toBeUndefined();
  expect(scalingStatus(later(1, 20, { replicas: 4 }))).toMatchObject({ value: 20, desired: 4 });
});

test.each([
  ['what the autoscaler says', report(), 'True ValidMetricFound'],
  ['that it sleeps', report({ replicas: 0 }, { asleep: true }), 'True Asleep'],
  ['that somebody set the zero', report({ replicas: 0 }), 'False ScaledToZeroByHand'],
  ['that it is suspended', report({ suspend: true }), 'False Suspended'],
  ['that nobody has looked yet', report({}, {}, { autoscaler: undefined }), 'Unknown WaitingForAutoscaler'],
  [
    'that nobody has looked since it was woken',
    report({}, {}, { autoscaler: autoscaler({ ScalingActive: ['False', 'ScalingDisabled'] }) }),
    'Unknown WaitingForAutoscaler',
  ],
  [
    'that the metric cannot be had',
    report({}, {}, { autoscaler: autoscaler({ ScalingActive: ['False', 'FailedGetExternalMetric', 'not known'] }) }),
    'False FailedGetExternalMetric',
  ],
  [
    'that the scale cannot be read',
    report({}, {}, { autoscaler: autoscaler({ AbleToScale: ['False', 'FailedGetScale', 'no'] }) }),
    'False FailedGetScale',
  ],
  ['that the name is taken', report({}, {}, { trouble: { reason: 'HPANameTaken', message: 'taken' } }), 'False HPANameTaken'],
  ['that no gateway is asked', report({}, {}, { demand: undefined }), 'False GatewaysNotAsked'],
])('says %s', (_, seen, expected) => {
  const { status, reason, message } = scalingActive(seen) ?? {};
  expect(`${status} ${reason}`).toBe(expected);
  expect(message).not.toBe('');
});

test('names the remedy for a zero by hand', () => {
  expect(scalingActive(report({ replicas: 0 }))?.message).toContain('kubectl scale mdep/qwen -n models --replicas=1');
});
