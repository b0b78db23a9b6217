import { formatDuration } from '../../core/durations.ts';
import type { Autoscaler, ScaledMetric } from './autoscaler.ts';
import type { Chain, GatewayCounts, Reading } from './chain.ts';
import { type Facts, isActing, isHindered, needOf, requestsInSystem } from './facts.ts';
import { behaviorWords, count, decimal, loadingWords } from './words.ts';

/** A step of the chain: what it is, how old it is, what it says. */
export type Step = readonly [name: string, age: string, says: string];

/** Gateways tell of themselves each second, and count for three; times of the API are in whole seconds. */
const freshMs = 5_000;

/** The chain from callers to replicas, one step after the other; `now` is in milliseconds. */
export function stepsOf(facts: Facts, now: number): readonly Step[] {
  const { chain } = facts;
  return [
    ...gatewaySteps(chain, now),
    ...metricSteps(chain, now),
    ...(chain.autoscaler ? autoscalerSteps(facts, chain.autoscaler, now) : missingAutoscaler(facts)),
    ...chain.rivals.map(
      (name): Step => [
        '',
        '',
        `HorizontalPodAutoscaler ${name}, not Modelfleet’s, scales this deployment${chain.spec.scaling ? ' too: remove one of the two' : ''}`,
      ],
    ),
    specStep(facts, now),
    ...replicaSteps(facts),
    ...zeroStep(facts),
    ...conditionStep(facts, now),
  ];
}

function ageOf(at: number | undefined, now: number): string {
  return at === undefined || Number.isNaN(at) ? '?' : formatDuration(Math.max(0, now - at));
}

function gatewaySteps({ inSystem, waiting, gateways }: Chain, now: number): readonly Step[] {
  const known = inSystem.kind === 'value' && waiting.kind === 'value';
  const sum: Step = known
    ? ['Gateways', ageOf(Math.min(inSystem.at, waiting.at), now), requestsWords(waiting.value, Math.max(0, inSystem.value - waiting.value))]
    : ['Gateways', '', gateways.each.length > 0 ? 'together: not known' : 'not known'];
  const each = gateways.each.map(({ name, counts }): Step => [`  ${name}`, counts.kind === 'heard' ? '0s' : '', countsWords(counts)]);
  return [sum, ...each, ...(gateways.why === undefined ? [] : [['', '', `(${gateways.why})`] as const])];
}

function requestsWords(waiting: number, running: number): string {
  if (waiting + running === 0) return 'no requests';
  return `${count(waiting + running, 'request')}: ${waiting} ${waiting === 1 ? 'waits' : 'wait'}, ${running} ${running === 1 ? 'is' : 'are'} being answered`;
}

function countsWords(counts: GatewayCounts['counts']): string {
  if (counts.kind === 'silent') return `not heard: ${counts.why}`;
  return `${requestsWords(counts.waiting, counts.running)}; sees ${count(counts.readyReplicas, 'ready replica')}`;
}

function metricSteps({ deployment, inSystem }: Chain, now: number): readonly Step[] {
  const told = deployment.status?.scaling;
  const metric: Step = ['Metric', inSystem.kind === 'value' ? ageOf(inSystem.at, now) : '', metricWords(inSystem, now)];
  if (inSystem.kind === 'value' || !told) return [metric];
  return [
    metric,
    ['', ageOf(Date.parse(told.observedAt), now), `the controller saw ${told.value} last, ${told.perReplica} for each replica`],
  ];
}

function metricWords(reading: Reading, now: number): string {
  if (reading.kind === 'unknown') return `${requestsInSystem} cannot be read: ${reading.why}`;
  const held = now - reading.at > freshMs ? ', the last that was whole: a gateway that callers may be at is not heard since' : '';
  return `${requestsInSystem} is ${decimal(reading.value)}${held}`;
}

function missingAutoscaler({ chain, name }: Facts): readonly Step[] {
  return [['Autoscaler', '', chain.spec.scaling ? `HorizontalPodAutoscaler ${name} does not exist` : 'none: spec.scaling is not set']];
}

function autoscalerSteps(facts: Facts, autoscaler: Autoscaler, now: number): readonly Step[] {
  const { name, own, wish, seen, metrics, conditions } = autoscaler;
  const whose = own ? '' : ', not Modelfleet’s';
  const range = typeof wish === 'string' ? wish : `between ${wish.minReplicas} and ${wish.maxReplicas}`;
  const numbers = seen ? `has ${seen.current}, wants ${seen.desired}` : 'not looked at yet';
  const changed = seen?.lastScaledAt === undefined ? '' : `, last change ${ageOf(seen.lastScaledAt, now)} ago`;
  return [
    ['Autoscaler', '', `HorizontalPodAutoscaler ${name}${whose}: ${numbers}, ${range}${changed}`],
    ...metrics.map((metric): Step => ['', '', scaledMetricWords(metric)]),
    ...conditions.map(
      ({ type, status, reason, message, lastTransitionTime }): Step => [
        `  ${type}`,
        ageOf(Date.parse(lastTransitionTime), now),
        `${status} ${reason}: ${message}`,
      ],
    ),
    ...limitSteps(facts, autoscaler),
    ...behaviorSteps(autoscaler),
  ];
}

function scaledMetricWords({ name, target, current }: ScaledMetric): string {
  if (!target) return name;
  const each = target.kind === 'AverageValue' ? ' for each replica' : '';
  return `${name} ${current === undefined ? '?' : decimal(current)}${each}, target ${decimal(target.value)}`;
}

function limitSteps(facts: Facts, autoscaler: Autoscaler): readonly Step[] {
  if (!isActing(autoscaler) || facts.replicas === 0 || isHindered(autoscaler)) return [];
  const need = needOf(facts, autoscaler);
  if (need.kind === 'unknown') return [];
  const asked = `${need.replicas} ${need.replicas === 1 ? 'is' : 'are'} asked for now`;
  const { minReplicas, maxReplicas } = autoscaler.wish;
  const reason = (type: string) => autoscaler.conditions.find((one) => one.type === type && one.status === 'True')?.reason;
  const limit =
    need.replicas > maxReplicas
      ? `maxReplicas ${maxReplicas}: ${asked}`
      : need.replicas < minReplicas && facts.replicas <= minReplicas
        ? `minReplicas ${minReplicas}: ${asked}`
        : need.replicas < facts.replicas && reason('AbleToScale') === 'ScaleDownStabilized'
          ? `the scale-down window: ${asked}`
          : ['ScaleUpLimit', 'ScaleDownLimit'].includes(reason('ScalingLimited') ?? '')
            ? `the scaling policies: ${asked}`
            : undefined;
  return [['Limited by', '', limit ?? 'nothing']];
}

function behaviorSteps({ wish }: Autoscaler): readonly Step[] {
  if (typeof wish === 'string') return [];
  const { up, down } = behaviorWords(wish.behavior);
  return [
    ['Behavior', '', `up ${up}`],
    ['', '', `down ${down}`],
  ];
}

function specStep({ chain, replicas, asleepSince, fresh }: Facts, now: number): Step {
  const { suspend, scaling } = chain.spec;
  if (suspend) return ['spec.replicas', '', `${replicas}, and spec.suspend: none shall run`];
  if (replicas > 0) return ['spec.replicas', '', `${replicas}${scaling && chain.autoscaler?.own ? ', which the autoscaler decides' : ''}`];
  if (fresh) return ['spec.replicas', '', '0, and no controller has looked at it yet'];
  return asleepSince === undefined
    ? ['spec.replicas', '', '0, not by the controller: it carries no mark of sleep']
    : ['spec.replicas', ageOf(asleepSince, now), '0: put to sleep by the controller'];
}

function replicaSteps({ chain, loading, broken, draining, ready }: Facts): readonly Step[] {
  const groups: readonly (readonly [number, string])[] = [
    [ready, 'ready'],
    [loading.length, loading.length === 1 ? 'loads' : 'load'],
    [broken.length, 'failed or stalled'],
    [draining, draining === 1 ? 'drains' : 'drain'],
  ];
  const there = groups.filter(([number]) => number > 0).map(([number, what]) => `${number} ${what}`);
  const details = [...loading, ...broken].map(
    (replica): Step => [
      `  ${replica.name}`,
      '',
      replica.reason === undefined ? loadingWords(replica) : `${replica.phase} ${replica.reason}: ${replica.message ?? ''}`,
    ],
  );
  const { phase } = chain.deployment.status ?? {};
  return [['Replicas', '', `${there.length === 0 ? 'none' : there.join(', ')}${phase === undefined ? '' : ` (${phase})`}`], ...details];
}

function zeroStep({ chain }: Facts): readonly Step[] {
  const { scaling } = chain.spec;
  if (!scaling) return [];
  if (scaling.minReplicas > 0) return [['Zero', '', `never: spec.scaling.minReplicas is ${scaling.minReplicas}`]];
  return [['Zero', '', `after ${scaling.idleTimeout} without a request`]];
}

function conditionStep({ scalingActive }: Facts, now: number): readonly Step[] {
  if (!scalingActive) return [];
  const { status, reason, message, lastTransitionTime } = scalingActive;
  return [['ScalingActive', ageOf(Date.parse(lastTransitionTime), now), `${status} ${reason}: ${message}`]];
}
