import { isAsleep } from '../../api/asleep.ts';
import { findCondition } from '../../kube/index.ts';
import { type Acting, bandOf, type Facts, isActing, isHindered, needOf, requestsInSystem } from './facts.ts';
import { count, learnedLoadSeconds, loadingWords, nextReady, seconds } from './words.ts';

type Scaling = NonNullable<Facts['chain']['spec']['scaling']>;

/** Why the controller can scale nothing, whatever the load is; it says itself what to do. */
const blind: readonly string[] = ['GatewaysNotAsked', 'HPARefused'];

/** What happens next, and why, in sentences. The first thing that stands in the way of all others is told. */
export function nextOf(facts: Facts): string {
  const { scaling } = facts.chain.spec;
  return atRest(facts) ?? (scaling ? scaled(facts, scaling) : unscaled(facts));
}

/** What rests whatever the load is. */
function atRest({ chain, name, namespace, replicas }: Facts): string | undefined {
  const { metadata, status } = chain.deployment;
  const { suspend } = chain.spec;
  if (metadata.deletionTimestamp !== undefined) return 'its replicas finish what they answer and go, for it is being deleted.';
  const accepted = findCondition(status?.conditions ?? [], 'Accepted');
  if (accepted?.status === 'False') return `nothing changes until its spec can be accepted. ${accepted.reason}: ${accepted.message}`;
  if (suspend)
    return `nothing changes: it is suspended and has no replicas whatever the load. To resume it: kubectl patch mdep ${name} -n ${namespace} --type=merge -p '{"spec":{"suspend":false}}'`;
  if (replicas === 0 && !isAsleep(chain.deployment))
    return `nothing changes: somebody has set spec.replicas to 0, and it stays so; callers are refused with 503 model_unavailable. To resume it: kubectl scale mdep ${name} -n ${namespace} --replicas=1`;
  return undefined;
}

function unscaled({ chain, replicas }: Facts): string {
  if (replicas === 0) return 'the controller wakes it, for spec.scaling is not set any more and nobody listens for its requests.';
  const [rival] = chain.rivals;
  if (rival !== undefined) return `HorizontalPodAutoscaler ${rival}, which is not Modelfleet’s, decides: spec.scaling is not set.`;
  return `nothing changes: spec.scaling is not set, so it has ${count(replicas, 'replica')} whatever the load. Set spec.scaling.maxReplicas to scale it with its requests.`;
}

function scaled(facts: Facts, scaling: Scaling): string {
  const { chain, name, namespace, replicas, scalingActive } = facts;
  const { autoscaler } = chain;
  if (scalingActive?.status === 'False' && blind.includes(scalingActive.reason))
    return `nothing changes. ${scalingActive.reason}: ${scalingActive.message}`;
  if (replicas === 0) return scaling.minReplicas > 0 ? wakesForMinimum(scaling) : asleep(facts);
  if (autoscaler && !autoscaler.own)
    return `its requests change nothing: HorizontalPodAutoscaler ${autoscaler.name} is not Modelfleet’s and is left alone. Delete it, and the controller makes its own at once: kubectl delete hpa ${autoscaler.name} -n ${namespace}`;
  if (!autoscaler)
    return `the controller makes the HorizontalPodAutoscaler ${name}; till then it has ${count(replicas, 'replica')}. If this lasts, see whether a controller leads and what it logs.`;
  if (typeof autoscaler.wish === 'string')
    return `nothing changes: the HorizontalPodAutoscaler ${name} cannot be followed. ${autoscaler.wish}.`;
  if (!isActing(autoscaler))
    return `the cluster's autoscaler takes its first look at the HorizontalPodAutoscaler ${name}, within 15s as a rule; till then it has ${count(replicas, 'replica')}.`;
  return hindered(facts, autoscaler) ?? waking(facts) ?? moving(facts, scaling, autoscaler);
}

function wakesForMinimum({ minReplicas }: Scaling): string {
  return `the controller wakes it, for spec.scaling.minReplicas is ${minReplicas} now.`;
}

function asleep({ chain, demand, waiting }: Facts): string {
  const { status } = chain.deployment;
  const { holdTimeout } = chain.spec.serving;
  const learned = learnedLoadSeconds(status?.loadTimes);
  const load = learned === undefined ? 'how long that takes is not known yet' : `about ${seconds(learned)}, as earlier loads took`;
  const calling = Math.max(demand ?? 0, waiting ?? 0);
  if (calling > 0)
    return `the controller wakes it, within a second of the first request: ${count(calling, 'request')} ${calling === 1 ? 'waits' : 'wait'} at the gateway while one replica loads (${load}). If it sleeps on, see what the controller that leads logs.`;
  return `the first request wakes it within a second and waits at the gateway while one replica loads (${load}). Who has waited for ${holdTimeout} is told to come again, and when.`;
}

/** What keeps the autoscaler from deciding. */
function hindered({ replicas }: Facts, autoscaler: Acting): string | undefined {
  if (!isHindered(autoscaler)) return undefined;
  const able = findCondition(autoscaler.conditions, 'AbleToScale');
  if (able?.status === 'False') return `nothing changes: the autoscaler cannot change the replicas. ${able.reason}: ${able.message}`;
  const active = findCondition(autoscaler.conditions, 'ScalingActive');
  return `${count(replicas, 'replica')} ${replicas === 1 ? 'stays' : 'stay'} until the metric can be read again: what is not known is never taken for zero. ${active?.reason}: ${active?.message}`;
}

/** While nothing serves. */
function waking({ chain, ready, loading, broken, demand }: Facts): string | undefined {
  if (ready > 0) return undefined;
  const { holdTimeout } = chain.spec.serving;
  const held = demand === undefined || demand === 0 ? 'requests wait' : `${count(demand, 'request')} ${demand === 1 ? 'waits' : 'wait'}`;
  const next = nextReady(loading);
  if (next)
    return `${held} at the gateway for the first replica, ${next.name}: ${loadingWords(next)}. Who has waited for ${holdTimeout} is told to come again, and when.`;
  const [worst] = broken;
  if (worst)
    return `no replica can serve, and no more are made by the load: ${worst.name} is ${worst.phase}. ${worst.reason ?? ''}: ${worst.message ?? 'see kubectl describe'}`;
  return `${held} at the gateway; the controller makes the first replica.`;
}

function moving(facts: Facts, scaling: Scaling, autoscaler: Acting): string {
  const { replicas, loading, demand } = facts;
  const need = needOf(facts, autoscaler);
  if (need.kind === 'unknown') return `${count(replicas, 'replica')} ${replicas === 1 ? 'stays' : 'stay'}: ${need.why}.`;
  const { minReplicas, maxReplicas } = autoscaler.wish;
  const asks =
    need.metric === requestsInSystem && demand !== undefined
      ? `${count(demand, 'request')} ${demand === 1 ? 'asks' : 'ask'} for ${count(need.replicas, 'replica')}`
      : `${need.metric} asks for ${count(need.replicas, 'replica')}`;
  if (demand === 0 && scaling.minReplicas === 0 && loading.length === 0) return silent(scaling, replicas);
  if (need.replicas > maxReplicas && replicas >= maxReplicas) return atMost(facts, asks, maxReplicas);
  if (need.replicas > replicas) return growing(autoscaler, asks, replicas, Math.min(need.replicas, maxReplicas));
  if (need.replicas < replicas && replicas > minReplicas) return shrinking(facts, autoscaler, asks);
  if (loading.length > 0) return covered(facts, asks);
  return steady(facts, scaling, autoscaler);
}

function atMost({ waiting, chain }: Facts, asks: string, maxReplicas: number): string {
  const queue = waiting === undefined ? 'the rest waits' : `${count(waiting, 'request')} ${waiting === 1 ? 'waits' : 'wait'}`;
  return `${asks}, and spec.scaling.maxReplicas allows ${maxReplicas}: ${queue}, each for ${chain.spec.serving.queueTimeout} at most. Raise maxReplicas to serve more at once.`;
}

function growing({ conditions }: Acting, asks: string, replicas: number, wanted: number): string {
  const limited = findCondition(conditions, 'ScalingLimited');
  const held = findCondition(conditions, 'AbleToScale')?.reason === 'ScaleUpStabilized';
  const pace = held
    ? 'when they have asked for it throughout the scale-up window'
    : limited?.status === 'True' && limited.reason === 'ScaleUpLimit'
      ? 'as fast as the scale-up policies allow'
      : 'at its next look, within 15s as a rule';
  return `${asks}: the autoscaler raises spec.replicas from ${replicas} towards ${wanted} ${pace}.`;
}

function silent({ idleTimeout }: Scaling, replicas: number): string {
  const all = replicas === 1 ? 'its replica goes' : `all ${replicas} replicas go, some of them sooner where the scale-down rules allow it`;
  return `after ${idleTimeout} without a request it is put to sleep, and ${all}. The next request wakes it.`;
}

function shrinking({ replicas, loading }: Facts, { wish }: Acting, asks: string): string {
  const { stabilizationWindowSeconds: window, selectPolicy } = wish.behavior.scaleDown;
  if (selectPolicy === 'Disabled') return `${asks}, but scaling down is disabled: ${count(replicas, 'replica')} stay.`;
  const spared = loading.length > 0 ? ` Those that load are spared (${loading.length}).` : '';
  return `${asks}, but ${replicas} stay until nothing has asked for more for ${seconds(window)}, the scale-down window; then the idlest go first.${spared}`;
}

function covered({ loading, ready, replicas }: Facts, asks: string): string {
  const next = nextReady(loading);
  const when = next ? ` Next is ${next.name}: ${loadingWords(next)}.` : '';
  return `${asks}, and ${replicas} are on the way or there: ${ready} ${ready === 1 ? 'serves' : 'serve'}, ${loading.length} ${loading.length === 1 ? 'loads' : 'load'}, so no more are added.${when}`;
}

function steady({ replicas, demand }: Facts, scaling: Scaling, autoscaler: Acting): string {
  const { most, fewer } = bandOf(replicas, scaling, autoscaler);
  const { minReplicas, maxReplicas } = autoscaler.wish;
  const up = replicas < maxReplicas ? `more than ${count(most, 'request')} ${most === 1 ? 'adds' : 'add'} one` : undefined;
  const window = seconds(autoscaler.wish.behavior.scaleDown.stabilizationWindowSeconds);
  const down = replicas > minReplicas ? `${fewer} or fewer for ${window} take one away` : undefined;
  const sleep =
    scaling.minReplicas === 0 ? `${scaling.idleTimeout} without a request ${replicas === 1 ? 'puts' : 'put'} it to sleep` : undefined;
  const turns = [up, down, sleep].filter((one) => one !== undefined).join('; ');
  const fewest = scaling.minReplicas === replicas && demand !== undefined && demand <= fewer;
  const enough = fewest
    ? `${count(replicas, 'replica')} ${replicas === 1 ? 'is' : 'are'} the fewest that minReplicas allows`
    : `${count(replicas, 'replica')} ${replicas === 1 ? 'is' : 'are'} what ${demand === undefined ? 'the load asks' : `${count(demand, 'request')} ${demand === 1 ? 'asks' : 'ask'}`} for`;
  return turns === ''
    ? `nothing changes: ${enough}, and minReplicas is maxReplicas.`
    : `nothing changes: ${enough}. By requests alone, ${turns}.`;
}
