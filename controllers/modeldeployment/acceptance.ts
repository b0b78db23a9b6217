import { type ModelDeployment, type ResolvedSpec, resolveSpec } from '../../src/api/model-deployment.ts';
import { describeError } from '../../src/core/failure.ts';

/** Whether this controller can run a deployment; if not, why. */
export type Acceptance =
  | { readonly accepted: true; readonly spec: ResolvedSpec }
  | { readonly accepted: false; readonly reason: string; readonly message: string };

/**
 * Reads the spec with its defaults. The API server has checked it, but an object may be older than today's rules,
 * and the rules allow more than this version runs: what it cannot do is refused aloud, never left out in silence.
 */
export function accept(deployment: ModelDeployment): Acceptance {
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
  return { accepted: true, spec };
}
