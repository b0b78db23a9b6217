import type { Condition, ModelDeploymentStatus } from '../../../../src/api/model-deployment.ts';
import type { Event } from '../../../../src/kube/index.ts';

/** What is to be seen of a deployment. A condition is written `False ImagePullFailed: words of the message`. */
export type Shown = {
  readonly phase?: ModelDeploymentStatus['phase'];
  readonly conditions?: Readonly<Record<string, string>>;
  /** Cells of `kubectl get -o wide`. */
  readonly columns?: Readonly<Record<string, unknown>>;
  /** Events of the deployment, each written `Type Reason`: each as often as it is named, and no warning counted up. */
  readonly events?: readonly string[];
  /** Parts of the entries of `replicaStatuses`, in any order. */
  readonly replicas?: readonly Readonly<Record<string, unknown>>[];
  readonly loading?: Readonly<Record<string, unknown>>;
};

/** An event as `Shown` writes it. */
export function headline({ type, reason, count = 1 }: Event): string {
  return count > 1 && type === 'Warning' ? `${type} ${reason} (${count} times)` : `${type} ${reason}`;
}

/** The conditions as a scenario writes them: a wanted text that fits is shown as it was wanted. */
export function conditionsLike(
  conditions: readonly Condition[],
  wanted: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    conditions.map(({ type, status, reason, message }) => {
      const want = wanted[type];
      const whole = `${status} ${reason}: ${message}`;
      const [head = '', ...words] = want?.split(': ') ?? [];
      const fit = want !== undefined && head === `${status} ${reason}` && message.includes(words.join(': '));
      return [type, fit ? want : whole];
    }),
  );
}
