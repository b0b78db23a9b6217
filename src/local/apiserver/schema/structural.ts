import { isJsonObject, type JsonObject, type JsonValue } from '../../../core/json.ts';

/** One CEL rule of `x-kubernetes-validations`. */
export type ValidationRule = {
  readonly rule: string;
  readonly message?: string;
  readonly messageExpression?: string;
  readonly reason?: string;
  readonly fieldPath?: string;
  readonly optionalOldSelf: boolean;
};

/** A structural schema, read once from its OpenAPI form, so that pruning, defaulting and merging need not look at keywords. */
export type Structural = {
  readonly type?: string;
  readonly format?: string;
  readonly properties: Readonly<Record<string, Structural>>;
  /** Values of a map; `true` is a map of anything. */
  readonly additional?: Structural | true;
  readonly items?: Structural;
  readonly default?: JsonValue;
  readonly nullable: boolean;
  readonly preserveUnknown: boolean;
  readonly embedded: boolean;
  readonly intOrString: boolean;
  readonly list?: { readonly type: 'atomic' | 'set' | 'map'; readonly keys: readonly string[]; readonly replaced: boolean };
  /** A struct or map that has one owner as a whole. */
  readonly atomic: boolean;
  readonly rules: readonly ValidationRule[];
};

function text(value: JsonValue | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function readRule(value: JsonValue): ValidationRule | undefined {
  if (!isJsonObject(value) || typeof value.rule !== 'string') return undefined;
  const { message, messageExpression, reason, fieldPath } = value;
  return {
    rule: value.rule,
    optionalOldSelf: value.optionalOldSelf === true,
    ...(typeof message === 'string' && { message }),
    ...(typeof messageExpression === 'string' && { messageExpression }),
    ...(typeof reason === 'string' && { reason }),
    ...(typeof fieldPath === 'string' && { fieldPath }),
  };
}

function readList(schema: JsonObject): Structural['list'] {
  const type = schema['x-kubernetes-list-type'];
  if (type !== 'atomic' && type !== 'set' && type !== 'map') return undefined;
  const keys = schema['x-kubernetes-list-map-keys'];
  const replaced = schema['x-kubernetes-patch-strategy'] === 'replace';
  return { type, keys: Array.isArray(keys) ? keys.filter((key) => typeof key === 'string') : [], replaced };
}

/** Reads the structural part of an OpenAPI v3 schema; keywords inside anyOf, oneOf, allOf and not only validate and are left to ajv. */
export function structure(schema: JsonObject): Structural {
  const type = text(schema.type);
  const format = text(schema.format);
  const properties: Record<string, Structural> = Object.create(null);
  if (isJsonObject(schema.properties)) {
    for (const [name, property] of Object.entries(schema.properties)) if (isJsonObject(property)) properties[name] = structure(property);
  }
  const additional = schema.additionalProperties;
  const list = readList(schema);
  const rules = Array.isArray(schema['x-kubernetes-validations']) ? schema['x-kubernetes-validations'] : [];
  return {
    ...(type !== undefined && { type }),
    ...(format !== undefined && { format }),
    properties,
    ...(isJsonObject(additional) && { additional: structure(additional) }),
    ...(additional === true && { additional: true as const }),
    ...(isJsonObject(schema.items) && { items: structure(schema.items) }),
    ...(schema.default !== undefined && { default: schema.default }),
    nullable: schema.nullable === true,
    preserveUnknown: schema['x-kubernetes-preserve-unknown-fields'] === true,
    embedded: schema['x-kubernetes-embedded-resource'] === true,
    intOrString: schema['x-kubernetes-int-or-string'] === true,
    ...(list && { list }),
    atomic: schema['x-kubernetes-map-type'] === 'atomic',
    rules: rules.flatMap((rule) => readRule(rule) ?? []),
  };
}
