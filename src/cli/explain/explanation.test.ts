import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { HorizontalPodAutoscaler } from '../../../controllers/scaling/autoscaler.ts';
import type { ModelDeployment, ModelDeploymentSpec, ModelDeploymentStatus, ReplicaStatus } from '../../api/model-deployment.ts';
import { resolveSpec } from '../../api/model-deployment.ts';
import { annotations, apiVersion } from '../../api/resources.ts';
import { gpuScalingBehavior } from '../../api/scaling.ts';
import { timestamp } from '../../kube/index.ts';
import { explanation } from '../commands/explain.ts';
import { autoscalerOf } from './autoscaler.ts';
import type { Chain, Reading } from './chain.ts';

// The text of `modelfleet explain` in each situation, whole, as a user reads it: golden/*.txt.

const now = Date.UTC(2026, 0, 2, 12);
const ago = (seconds: number) => timestamp(now - seconds * 1000);
const name = 'qwen3-4b';
const uid = 'd1';

/** What a situation is made of; what it leaves out is as with a fleet at rest. */
type World = {
  readonly scaling?: Partial<NonNullable<ModelDeploymentSpec['scaling']>> | null;
  readonly spec?: Partial<ModelDeploymentSpec>;
  readonly asleepFor?: number;
  readonly status?: ModelDeploymentStatus;
  readonly replicas?: readonly Partial<ReplicaStatus>[];
  readonly inSystem?: Reading;
  readonly waiting?: Reading;
  readonly gateways?: Chain['gateways'];
  readonly hpa?: Partial<HpaFields> | null;
  readonly rivals?: readonly string[];
  /** No controller has seen it. */
  readonly fresh?: boolean;
};

type HpaFields = {
  readonly owner: string;
  readonly current: number;
  readonly desired: number;
  readonly perReplica: string | undefined;
  /** Of the KV cache, where it is scaled on too. */
  readonly kvCache: string;
  readonly able: readonly [status: string, reason: string, message: string];
  readonly active: readonly [status: string, reason: string, message: string];
  readonly limited: readonly [status: string, reason: string, message: string];
  readonly lastScaled: number;
  readonly seen: boolean;
};

const value = (number: number, age = 1): Reading => ({ kind: 'value', value: number, at: now - age * 1000 });
const ready: Partial<ReplicaStatus> = { phase: 'Ready', percent: 100, etaSeconds: 0 };
const loads = (percent: number, etaSeconds: number | null): Partial<ReplicaStatus> => ({ phase: 'LoadingWeights', percent, etaSeconds });
const loadTimes: ModelDeploymentStatus['loadTimes'] = [
  { nodeClass: 'a100', model: 'm', loads: 3, learnedAt: ago(9000), milliseconds: { Fetching: 31_000, LoadingWeights: 10_000 } },
];

function chain(world: World): Chain {
  const replicas = world.replicas ?? [];
  const deployment: ModelDeployment = {
    apiVersion,
    kind: 'ModelDeployment',
    metadata: {
      name,
      namespace: 'models',
      uid,
      generation: 1,
      ...(world.asleepFor !== undefined && { annotations: { [annotations.asleep]: ago(world.asleepFor) } }),
    },
    spec: {
      model: { source: 'hf://Qwen/Qwen3-4B' },
      replicas: replicas.length,
      ...(world.scaling !== null && { scaling: { minReplicas: 0, maxReplicas: 8, ...world.scaling } }),
      ...world.spec,
    },
    status: {
      ...(world.fresh !== true && { observedGeneration: 1 }),
      replicas: replicas.length,
      readyReplicas: replicas.filter(({ phase }) => phase === 'Ready').length,
      replicaStatuses: replicas.map((one, index) => ({ name: `${name}-${index}`, phase: 'Ready', percent: 0, restarts: 0, ...one })),
      ...world.status,
    },
  };
  return {
    deployment,
    spec: resolveSpec(deployment),
    gateways: world.gateways ?? {
      each: [],
      why: 'each by itself is shown to who may list pods and get pods/proxy in namespace modelfleet-system',
    },
    inSystem: world.inSystem ?? value(0),
    waiting: world.waiting ?? value(0),
    autoscaler: world.hpa === null ? undefined : autoscalerOf(hpa(deployment, world.hpa ?? {}), uid),
    rivals: world.rivals ?? [],
  };
}

function hpa({ spec }: ModelDeployment, fields: Partial<HpaFields>): HorizontalPodAutoscaler {
  const { minReplicas = 1, maxReplicas = 8 } = spec.scaling ?? {};
  const number = spec.replicas ?? 1;
  const { current = number, desired = current, perReplica, owner = uid, lastScaled = 240, seen = true } = fields;
  const cache = { name: 'modelfleet_kv_cache_usage', selector: { matchLabels: { model: name } } };
  const { kvCache } = fields;
  const condition = (type: string, [status, reason, message]: readonly [string, string, string]) => ({
    type,
    status,
    reason,
    message,
    lastTransitionTime: ago(240),
  });
  const { scaleUp, scaleDown } = gpuScalingBehavior(41);
  const metric = { name: 'modelfleet_requests_in_system', selector: { matchLabels: { model: name } } };
  return {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: { name, namespace: 'models', ownerReferences: [{ apiVersion, kind: 'ModelDeployment', name, uid: owner, controller: true }] },
    spec: {
      scaleTargetRef: { apiVersion, kind: 'ModelDeployment', name },
      minReplicas: Math.max(1, minReplicas),
      maxReplicas,
      metrics: [
        { type: 'External', external: { metric, target: { type: 'AverageValue', averageValue: '8' } } },
        ...(kvCache === undefined ? [] : [{ type: 'External', external: { metric: cache, target: { type: 'Value', value: '800m' } } }]),
      ],
      behavior: { scaleUp: mutable(scaleUp), scaleDown: mutable(scaleDown) },
    },
    status: seen
      ? {
          currentReplicas: current,
          desiredReplicas: desired,
          lastScaleTime: ago(lastScaled),
          currentMetrics: [
            ...(perReplica === undefined ? [] : [{ type: 'External', external: { metric, current: { averageValue: perReplica } } }]),
            ...(kvCache === undefined ? [] : [{ type: 'External', external: { metric: cache, current: { value: kvCache } } }]),
          ],
          conditions: [
            condition('AbleToScale', fields.able ?? ['True', 'ReadyForNewScale', 'recommended size matches current size']),
            condition('ScalingActive', fields.active ?? ['True', 'ValidMetricFound', 'the HPA was able to calculate a replica count']),
            condition(
              'ScalingLimited',
              fields.limited ?? ['False', 'DesiredWithinRange', 'the desired count is within the acceptable range'],
            ),
          ],
        }
      : { desiredReplicas: 0 },
  };
}

/** As the types of Kubernetes want it. */
function mutable<Rules extends { readonly policies: readonly object[] }>(rules: Rules) {
  return { ...rules, policies: [...rules.policies] as Rules['policies'][number][] };
}

const atZero: Partial<HpaFields> = {
  active: ['False', 'ScalingDisabled', 'scaling is disabled since the replica count of the target is zero'],
};
const lost =
  'modelfleet_requests_in_system of the ModelDeployment models/qwen3-4b is not known: the last report of those who count it is 42s old.';

const situations: Readonly<Record<string, World>> = {
  asleep: { asleepFor: 7_200, hpa: atZero, status: { phase: 'ScaledToZero', loadTimes } },
  waking: { asleepFor: 7_200, hpa: atZero, inSystem: value(3, 0), waiting: value(3, 0), status: { phase: 'ScaledToZero' } },
  'first-replica-loads': { replicas: [loads(73, 41)], inSystem: value(3), waiting: value(3), status: { phase: 'Loading' } },
  'loading-covers': {
    replicas: [ready, loads(73, 41), loads(20, null)],
    inSystem: value(22),
    waiting: value(14),
    hpa: { perReplica: '7333m' },
    status: { phase: 'Loading' },
  },
  growing: { replicas: [ready], inSystem: value(40), waiting: value(32), hpa: { perReplica: '1' }, status: { phase: 'Ready' } },
  'cache-is-full': {
    replicas: [ready, ready, ready],
    inSystem: value(10),
    hpa: { perReplica: '3334m', kvCache: '950m' },
    status: { phase: 'Ready' },
  },
  'at-max': {
    replicas: [ready, ready],
    scaling: { maxReplicas: 2 },
    inSystem: value(90),
    waiting: value(74),
    hpa: { perReplica: '45', limited: ['True', 'TooManyReplicas', 'the desired replica count is more than the maximum replica count'] },
    status: { phase: 'Ready' },
  },
  'held-by-window': {
    replicas: [ready, ready, ready, ready, ready],
    inSystem: value(3),
    hpa: {
      perReplica: '600m',
      able: [
        'True',
        'ScaleDownStabilized',
        'recent recommendations were higher than current one, applying the highest recent recommendation',
      ],
    },
    status: { phase: 'Ready' },
  },
  silent: { replicas: [ready], hpa: { perReplica: '0' }, status: { phase: 'Ready' } },
  steady: {
    replicas: [ready, ready, ready],
    inSystem: value(22),
    waiting: value(1),
    hpa: { perReplica: '7333m' },
    gateways: {
      each: [
        { name: 'modelfleet-gateway-5c9d-abcde', counts: { kind: 'heard', waiting: 1, running: 9, readyReplicas: 3 } },
        { name: 'modelfleet-gateway-5c9d-fghij', counts: { kind: 'heard', waiting: 0, running: 12, readyReplicas: 3 } },
        { name: 'modelfleet-gateway-5c9d-klmno', counts: { kind: 'silent', why: 'no answer within 3s' } },
      ],
    },
    status: { phase: 'Ready' },
  },
  'value-held': {
    replicas: [ready, ready, ready],
    inSystem: value(22, 17),
    waiting: value(1, 17),
    hpa: { perReplica: '7333m' },
    status: { phase: 'Ready' },
  },
  'value-lost': {
    replicas: [ready, ready, ready],
    inSystem: { kind: 'unknown', why: lost },
    waiting: { kind: 'unknown', why: lost },
    hpa: { perReplica: '7333m', active: ['False', 'FailedGetExternalMetric', `the HPA was unable to compute the replica count: ${lost}`] },
    status: {
      phase: 'Ready',
      scaling: { metric: 'requests-in-system', value: 22, perReplica: '7.3', desired: 3, observedAt: ago(42) },
      conditions: [
        {
          type: 'ScalingActive',
          status: 'False',
          reason: 'FailedGetExternalMetric',
          message: 'The autoscaler cannot read the metric.',
          lastTransitionTime: ago(12),
        },
      ],
    },
  },
  'foreign-autoscaler': { replicas: [ready], inSystem: value(30), hpa: { owner: 'another' }, status: { phase: 'Ready' } },
  'no-autoscaler': { replicas: [ready], inSystem: value(30), hpa: null, status: { phase: 'Ready' } },
  'not-looked-at': { replicas: [ready], inSystem: value(30), hpa: { seen: false }, status: { phase: 'Ready' } },
  'zero-by-hand': { hpa: atZero, inSystem: value(0), status: { phase: 'ScaledToZero' } },
  'not-scaled-any-more': { asleepFor: 30, scaling: null, hpa: null, status: { phase: 'ScaledToZero' } },
  'gateways-not-asked': {
    asleepFor: 30,
    hpa: atZero,
    status: {
      phase: 'ScaledToZero',
      conditions: [
        {
          type: 'ScalingActive',
          status: 'False',
          reason: 'GatewaysNotAsked',
          message: 'This controller asks no gateway how many requests there are: start it with --stats-token-file.',
          lastTransitionTime: ago(30),
        },
      ],
    },
  },
  suspended: { spec: { suspend: true, replicas: 2 }, hpa: null, status: { phase: 'Suspended' } },
  'not-scaled': { replicas: [ready, ready], scaling: null, hpa: null, status: { phase: 'Ready' }, rivals: ['keda-hpa-qwen3-4b'] },
  rivals: { replicas: [ready], inSystem: value(4), hpa: { perReplica: '4' }, rivals: ['mine'], status: { phase: 'Ready' } },
  fewest: {
    scaling: { minReplicas: 2 },
    replicas: [ready, ready],
    inSystem: value(1),
    hpa: { perReplica: '500m', limited: ['True', 'TooFewReplicas', 'the desired replica count is less than the minimum replica count'] },
    status: { phase: 'Ready' },
  },
  'minimum-raised': { asleepFor: 30, scaling: { minReplicas: 2 }, hpa: atZero, status: { phase: 'ScaledToZero' } },
  'never-acted-on': { hpa: null, status: {}, fresh: true },
  failed: {
    replicas: [
      { phase: 'Failed', reason: 'SourceUnauthorized', message: '401 from models.example.com. Put a token into model.secretRef.' },
    ],
    inSystem: value(2),
    waiting: value(2),
    status: { phase: 'Failed' },
  },
};

describe('what is explained', () => {
  test.each(Object.keys(situations))('%s', async (situation) => {
    const text = explanation(chain(situations[situation] ?? {}), now);
    await expect(`${text}\n`).toMatchFileSnapshot(`golden/${situation}.txt`);
  });
});

test('is what the documentation shows', async () => {
  const page = await readFile(join(import.meta.dirname, '../../../docs/concepts/autoscaling.md'), 'utf8');
  expect(page).toContain(explanation(chain(situations.growing ?? {}), now));
});
