import type { HpaSpec, Seen } from '../hpa.ts';

/**
 * The documented formulas, written down one after the other and as slowly as they read: limits are found by counting up and down,
 * and nothing is ever forgotten. The product's rule must agree with it (see hpa.test.ts).
 */
export class PublishedRule {
  private readonly recommendations: { at: number; replicas: number }[] = [];
  private readonly added: { at: number; pods: number }[] = [];
  private readonly removed: { at: number; pods: number }[] = [];

  decide({ minReplicas, maxReplicas, behavior }: HpaSpec, { scale, readings }: Seen, now: number): number {
    const current = scale.specReplicas;
    if (this.recommendations.length === 0) this.recommendations.push({ at: now, replicas: current });
    if (current === 0 && minReplicas > 0) return 0;
    if (current > maxReplicas) return maxReplicas;
    if (current < minReplicas) return minReplicas;

    // "the HorizontalPodAutoscaler calculates proposed replica counts for each metric, and then chooses the highest"
    const proposals = readings.map((reading) => {
      if (reading.observed.kind === 'missing' || reading.observed.values.length === 0) return undefined;
      const total = reading.observed.values.reduce((sum, value) => sum + value * 1000, 0);
      const target = reading.target.value * 1000;
      const ratio = reading.target.kind === 'AverageValue' ? total / (target * scale.statusReplicas) : total / target;
      const close = ratio >= 1 - behavior.scaleDown.tolerance && ratio <= 1 + behavior.scaleUp.tolerance;
      if (reading.target.kind === 'AverageValue') return close ? scale.statusReplicas : Math.ceil(total / target);
      if (current === 0) return Math.ceil(ratio);
      if (close) return current;
      return scale.statusReplicas === 0 ? undefined : Math.ceil(ratio * scale.readyReplicas);
    });
    const known = proposals.filter((proposal) => proposal !== undefined);
    if (known.length === 0) return current;
    const highest = Math.max(...known);
    // "if any of the metrics cannot be converted ... and a scale down is suggested by the metrics which can be fetched, scaling is skipped"
    if (known.length < proposals.length && highest < current) return current;

    const stable = this.stabilized(highest, current, behavior, now);
    this.recommendations.push({ at: now, replicas: highest });
    const allowed = this.allowed(stable, current, behavior, now);
    return allowed > maxReplicas ? maxReplicas : allowed < minReplicas ? minReplicas : allowed;
  }

  scaled(from: number, to: number, now: number): void {
    if (to > from) this.added.push({ at: now, pods: to - from });
    if (to < from) this.removed.push({ at: now, pods: from - to });
  }

  /** "the most conservative of the recommendations within the window": lowest when growing, highest when shrinking. */
  private stabilized(wanted: number, current: number, { scaleUp, scaleDown }: HpaSpec['behavior'], now: number): number {
    let lowest = wanted;
    let highest = wanted;
    for (const { at, replicas } of this.recommendations) {
      const ageSeconds = (now - at) / 1000;
      if (ageSeconds < scaleUp.stabilizationWindowSeconds && replicas < lowest) lowest = replicas;
      if (ageSeconds < scaleDown.stabilizationWindowSeconds && replicas > highest) highest = replicas;
    }
    if (current < lowest) return lowest;
    if (current > highest) return highest;
    return current;
  }

  /** Counts from the current number towards the wanted one for as long as one policy (Max) or every policy (Min) allows the next step. */
  private allowed(wanted: number, current: number, behavior: HpaSpec['behavior'], now: number): number {
    const step = Math.sign(wanted - current);
    const rules = step > 0 ? behavior.scaleUp : behavior.scaleDown;
    let reached = current;
    while (reached !== wanted) {
      const next = reached + step;
      const votes = rules.policies.map((policy) => {
        const since = now - policy.periodSeconds * 1000;
        const sum = (events: { at: number; pods: number }[]) =>
          events.reduce((pods, event) => pods + (event.at > since ? event.pods : 0), 0);
        const start = current - sum(this.added) + sum(this.removed);
        const change = (next - start) * step;
        if (policy.type === 'Pods') return change <= policy.value;
        return step > 0 ? next <= Math.ceil(start * (1 + policy.value / 100)) : next >= Math.trunc(start * (1 - policy.value / 100));
      });
      const allowed = { Max: votes.includes(true), Min: !votes.includes(false), Disabled: false }[rules.selectPolicy];
      if (!allowed) break;
      reached = next;
    }
    return reached;
  }
}
