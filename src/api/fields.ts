import type { Affinity, EnvVar, Toleration } from 'kubernetes-types/core/v1.js';
import { z } from 'zod';
import { durationPattern } from '../core/durations.ts';
import { isJsonObject, type JsonObject } from '../core/json.ts';

/** A validation rule of a CRD: a CEL expression over `self` (and `oldSelf`), and what to do when it is false. */
export type CelRule = { readonly rule: string; readonly message: string };

/** Attaches CEL rules to a zod type; the CRD carries them as they are. */
export function rules(...list: readonly CelRule[]): { readonly 'x-kubernetes-validations': readonly CelRule[] } {
  return { 'x-kubernetes-validations': list };
}

/**
 * Text of at most `maxLength` characters that matches `pattern`.
 * The CRD gets the pattern as a CEL rule, because an API server answers a rule with `hint` and a bare pattern with a regular expression.
 */
export function text(pattern: RegExp, maxLength: number, hint: string) {
  const source = pattern.source.replaceAll('\\.', '[.]').replaceAll('\\/', '/');
  if (/[\\']/.test(source)) throw new RangeError(`The pattern ${pattern} cannot be written in CEL without escapes`);
  return z
    .string()
    .max(maxLength)
    .regex(pattern, hint)
    .meta(rules({ rule: `self.matches('${source}')`, message: hint }));
}

/** A whole number from `min` to `max`, 32 bits on the wire. */
export function int32(min: number, max: number) {
  return z.int().min(min).max(max).meta({ format: 'int32' });
}

export const duration = text(durationPattern, 32, 'write a duration such as 30s, 5m or 1h30m');

/** A Kubernetes quantity: `2Gi`, `500m`, or a number. */
export const quantity = z
  .union([
    z.int(),
    z
      .string()
      .max(32)
      .regex(/^[0-9]+(\.[0-9]+)?(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$/),
  ])
  .meta({ 'x-kubernetes-int-or-string': true });

export const sha256 = text(/^sha256:[0-9a-f]{64}$/, 71, 'write a checksum as sha256: and 64 lower-case hexadecimal digits');

/** The name of another object in the same namespace. */
export const objectName = text(
  /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/,
  253,
  'write the name of a Kubernetes object: lower-case letters, digits, - and .',
);

export const dnsLabel = text(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/, 63, 'use lower-case letters, digits and -, at most 63 of them');

/** A map from short names to text of at most `maxLength` characters, as `nodeSelector` is. */
export function stringMap(maxLength: number, maxProperties = 32) {
  return z.record(z.string(), z.string().max(maxLength)).meta({ maxProperties });
}

/** A Kubernetes type that is handed through unread: the API server keeps all its fields and checks them when the pod is created. */
function handedThrough<T>() {
  return z.custom<T>(isJsonObject, 'must be an object').meta({ type: 'object', 'x-kubernetes-preserve-unknown-fields': true });
}

export const affinity = handedThrough<Affinity>();

const scalingRules = z.object({
  stabilizationWindowSeconds: int32(0, 3_600)
    .describe('How long past recommendations count: the most cautious of them is followed.')
    .exactOptional(),
  selectPolicy: z
    .enum(['Max', 'Min', 'Disabled'])
    .describe('Which policy decides: the one that allows most or least; Disabled for no change in this direction.')
    .exactOptional(),
  policies: z
    .array(
      z.object({
        type: z.enum(['Pods', 'Percent']).describe('What `value` counts.'),
        value: int32(1, 2_147_483_647).describe('At most this change within a period.'),
        periodSeconds: int32(1, 1_800).describe('Length of the period.'),
      }),
    )
    .min(1)
    .max(16)
    .meta({ 'x-kubernetes-list-type': 'atomic' })
    .describe('How fast replicas may change; they replace ours.')
    .exactOptional(),
  tolerance: text(/^[0-9]{1,3}(\.[0-9]{1,6})?$/, 10, 'write a share such as "0.05", in quotes')
    .describe('A metric this close to its target asks for no change; the cluster must know this field.')
    .exactOptional(),
});

/** `behavior` of an autoscaling/v2 HorizontalPodAutoscaler, with its limits: a deployment that it would refuse is refused at once. */
export const scalingBehavior = z.object({
  scaleUp: scalingRules.describe('More replicas.').exactOptional(),
  scaleDown: scalingRules.describe('Fewer replicas.').exactOptional(),
});

const patchedContainer: JsonObject = {
  type: 'object',
  required: ['name'],
  properties: {
    name: { description: 'As in a pod; `worker` is the container of the operator.', type: 'string', maxLength: 63 },
    args: {
      description: 'As in a pod; those of `worker` are written by the operator.',
      type: 'array',
      maxItems: 256,
      items: { type: 'string', maxLength: 4096 },
      'x-kubernetes-list-type': 'atomic',
    },
  },
  'x-kubernetes-preserve-unknown-fields': true,
};

function patchedContainers(description: string): JsonObject {
  return {
    description,
    type: 'array',
    maxItems: 32,
    items: patchedContainer,
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['name'],
  };
}

function isPodSpecPatch(value: unknown): value is JsonObject {
  const named = (list: unknown) =>
    list === undefined || (Array.isArray(list) && list.every((item) => isJsonObject(item) && typeof item.name === 'string'));
  return isJsonObject(value) && named(value.containers) && named(value.initContainers);
}

/** A strategic merge patch for a pod spec: what the operator itself reads is declared, the rest is handed through. */
export const podSpecPatch: z.ZodType<JsonObject, JsonObject> = z
  .custom<JsonObject>(isPodSpecPatch, 'must have names in its containers')
  .meta({
    type: 'object',
    'x-kubernetes-preserve-unknown-fields': true,
    properties: {
      containers: patchedContainers('As in a pod; merged by name.'),
      initContainers: patchedContainers('As in a pod; merged by name.'),
      restartPolicy: { description: 'Always, as of every replica.', type: 'string', maxLength: 16 },
    },
    ...rules(
      {
        rule: "!has(self.restartPolicy) || self.restartPolicy == 'Always'",
        message: 'restartPolicy stays Always: replicas are servers, leave it out',
      },
      {
        rule: "!has(self.containers) || !self.containers.exists(one, one.name == 'worker' && has(one.args))",
        message: 'the arguments of container worker are written by the operator: add yours in spec.engine.args',
      },
    ),
  });

export const toleration: z.ZodType<Toleration, Toleration> = z.custom<Toleration>(isJsonObject, 'must be an object').meta({
  type: 'object',
  properties: {
    key: { type: 'string', maxLength: 317 },
    operator: { type: 'string', enum: ['Exists', 'Equal', 'Lt', 'Gt'] },
    value: { type: 'string', maxLength: 63 },
    effect: { type: 'string', enum: ['NoSchedule', 'PreferNoSchedule', 'NoExecute'] },
    tolerationSeconds: { type: 'integer', format: 'int64' },
  },
});

export const envVar: z.ZodType<EnvVar, EnvVar> = z
  .custom<EnvVar>((value) => isJsonObject(value) && typeof value.name === 'string', 'must be an object with a name')
  .meta({
    type: 'object',
    required: ['name'],
    properties: {
      name: { type: 'string', minLength: 1, maxLength: 253 },
      value: { type: 'string', maxLength: 8192 },
      valueFrom: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
    },
  });
