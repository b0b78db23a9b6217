import type { Affinity, EnvVar, Toleration } from 'kubernetes-types/core/v1.js';
import { z } from 'zod';
import { durationPattern } from '../core/durations.ts';
import { isJsonObject } from '../core/json.ts';

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

/** A map from short names to text, as `nodeSelector` is. */
export const stringMap = z.record(z.string(), z.string().max(253)).meta({ maxProperties: 32 });

/** A Kubernetes type that is handed through unread: the API server keeps all its fields and checks them when the pod is created. */
function handedThrough<T>() {
  return z.custom<T>(isJsonObject, 'must be an object').meta({ type: 'object', 'x-kubernetes-preserve-unknown-fields': true });
}

export const affinity = handedThrough<Affinity>();
export const scalingBehavior = handedThrough<Readonly<Record<string, unknown>>>();

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
