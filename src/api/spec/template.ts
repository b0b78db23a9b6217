import { z } from 'zod';
import { podSpecPatch, rules, stringMap } from '../fields.ts';

/** `spec.template`: what a user changes of the pod. */
export const template = z
  .object({
    metadata: z
      .object({
        labels: stringMap(63)
          .meta(
            rules({
              rule: "self.all(key, !key.startsWith('modelfleet.dev/') && !(key in ['app.kubernetes.io/name', 'app.kubernetes.io/instance', 'app.kubernetes.io/component', 'app.kubernetes.io/managed-by']))",
              message:
                'labels modelfleet.dev/* and app.kubernetes.io/name, instance, component and managed-by are set by the operator: leave them out',
            }),
          )
          .describe('Labels of the pod.')
          .exactOptional(),
        annotations: stringMap(65_536, 64)
          .meta(
            rules({
              rule: "self.all(key, !key.startsWith('modelfleet.dev/') && !(key in ['cluster-autoscaler.kubernetes.io/safe-to-evict', 'karpenter.sh/do-not-disrupt']))",
              message:
                'annotations modelfleet.dev/*, cluster-autoscaler.kubernetes.io/safe-to-evict and karpenter.sh/do-not-disrupt are set by the operator: leave them out',
            }),
          )
          .describe('Annotations of the pod.')
          .exactOptional(),
      })
      .describe('Labels and annotations of the pod, beside those of the operator.')
      .exactOptional(),
    spec: podSpecPatch
      .describe(
        'A part of a pod spec, merged by the rules of a strategic merge patch: containers, volumes and variables by name, ports by number, mounts by path; other lists are replaced. The container `worker` is the one of the operator.',
      )
      .exactOptional(),
  })
  .describe('Changes the pod of every replica, where no other field of the spec does: see docs/concepts/pods.md.');
