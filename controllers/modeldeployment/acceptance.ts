import { type ModelDeployment, type ResolvedSpec, resolveSpec } from '../../src/api/model-deployment.ts';
import { describeError } from '../../src/core/failure.ts';
import { templateProblem } from './builders/pod.ts';
import type { PodSecurityLevel } from './pod-security.ts';

/** Whether this controller can run a deployment; if not, why. */
export type Acceptance =
  | { readonly accepted: true; readonly spec: ResolvedSpec }
  | { readonly accepted: false; readonly reason: string; readonly message: string };

/**
 * Reads the spec with its defaults. The API server has checked it, but an object may be older than today's rules,
 * and the rules allow more than this version runs: what it cannot do is refused aloud, never left out in silence.
 * So is what its namespace forbids: without a pod nobody would say why there is none.
 */
export function accept(deployment: ModelDeployment, podSecurity: PodSecurityLevel): Acceptance {
  let spec: ResolvedSpec;
  try {
    spec = resolveSpec(deployment);
  } catch (error) {
    return { accepted: false, reason: 'InvalidSpec', message: describeError(error) };
  }
  if (spec.engine.type !== 'Worker')
    return {
      accepted: false,
      reason: 'UnsupportedEngine',
      message: `This version does not run engine.type ${spec.engine.type}: use Worker.`,
    };
  if (spec.model.adapters && spec.model.adapters.length > 0)
    return { accepted: false, reason: 'UnsupportedField', message: 'This version does not serve model.adapters: remove them.' };
  const problem = templateProblem(deployment, spec);
  if (problem !== undefined) return { accepted: false, reason: 'InvalidTemplate', message: problem };
  if (spec.cache.type === 'HostPath' && podSecurity !== 'privileged')
    return {
      accepted: false,
      reason: 'PodSecurityForbidden',
      message:
        `cache.type HostPath is forbidden in namespace ${deployment.metadata.namespace}, which enforces the Pod Security Standard ${podSecurity}. ` +
        'Use cache.type PersistentVolumeClaim (a local PersistentVolume shares the cache of a node), or a namespace that enforces privileged.',
    };
  return { accepted: true, spec };
}
