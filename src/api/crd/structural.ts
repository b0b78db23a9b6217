import { z } from 'zod';
import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.ts';

/** The order in which keywords are written, so that the YAML reads well and its diffs are small. */
const keywordOrder = [
  'description',
  'type',
  'format',
  'nullable',
  'default',
  'enum',
  'minimum',
  'maximum',
  'minLength',
  'maxLength',
  'pattern',
  'minItems',
  'maxItems',
  'maxProperties',
  'items',
  'additionalProperties',
  'required',
  'properties',
  'anyOf',
];

/**
 * The structural schema of a zod type, as a CustomResourceDefinition may carry it.
 * Rules: kubernetes.io, "Specifying a structural schema"; throws when the type cannot be written as one.
 */
export function structuralSchema(type: z.ZodType): JsonObject {
  const generated: unknown = z.toJSONSchema(type, { target: 'openapi-3.0', io: 'input', unrepresentable: 'any' });
  if (!isJsonObject(generated)) throw new TypeError('The type has no JSON schema');
  return structural(generated, '');
}

function structural(schema: JsonObject, path: string): JsonObject {
  if (schema['x-kubernetes-int-or-string'] === true) return inOrder(intOrString(schema));
  if (typeof schema.type !== 'string') throw new TypeError(`${path || 'the root'} has no type: a structural schema needs one`);
  for (const keyword of ['oneOf', 'anyOf', 'allOf', 'not', '$ref'])
    if (keyword in schema) throw new TypeError(`${path} uses ${keyword}: write it as plain fields with a rule`);

  const result: JsonObject = { ...schema };
  if (hasPatternRule(schema)) delete result.pattern; // the rule says the same with a message that helps
  if (result.minimum === Number.MIN_SAFE_INTEGER) delete result.minimum;
  if (result.maximum === Number.MAX_SAFE_INTEGER) delete result.maximum;

  if (isJsonObject(schema.items)) result.items = structural(schema.items, `${path}[]`);
  if (isJsonObject(schema.properties)) {
    const entries = Object.entries(schema.properties).map(([name, field]) => {
      if (!isJsonObject(field)) throw new TypeError(`${path}.${name} has no schema`);
      return [name, structural(field, `${path}.${name}`)] as const;
    });
    result.properties = Object.fromEntries(entries);
  }
  // Beside properties it is forbidden: an API server prunes unknown fields anyway.
  if (isJsonObject(schema.additionalProperties) && !schema.properties)
    result.additionalProperties = structural(schema.additionalProperties, `${path}{}`);
  else delete result.additionalProperties;

  // An API server checks rules against a default before it fills in the defaults inside it: so write them out.
  if (isJsonObject(schema.default)) result.default = { ...nestedDefaults(result), ...schema.default };
  return inOrder(result);
}

function intOrString(schema: JsonObject): JsonObject {
  const { anyOf, ...rest } = schema;
  const texts = Array.isArray(anyOf) ? anyOf.find((one) => isJsonObject(one) && one.type === 'string') : undefined;
  const pattern = isJsonObject(texts) && texts.pattern !== undefined ? { pattern: texts.pattern } : {};
  const maxLength = isJsonObject(texts) && texts.maxLength !== undefined ? { maxLength: texts.maxLength } : {};
  return { ...rest, ...maxLength, ...pattern, anyOf: [{ type: 'integer' }, { type: 'string' }] };
}

function hasPatternRule(schema: JsonObject): boolean {
  const rules = schema['x-kubernetes-validations'];
  return Array.isArray(rules) && rules.some((rule) => isJsonObject(rule) && String(rule.rule).startsWith('self.matches('));
}

function nestedDefaults(schema: JsonObject): JsonObject {
  const fields = isJsonObject(schema.properties) ? Object.entries(schema.properties) : [];
  return Object.fromEntries(
    fields.flatMap(([name, field]): [string, JsonValue][] =>
      isJsonObject(field) && field.default !== undefined ? [[name, field.default]] : [],
    ),
  );
}

function inOrder(schema: JsonObject): JsonObject {
  const rank = (keyword: string) => {
    const index = keywordOrder.indexOf(keyword);
    return index < 0 ? keywordOrder.length : index;
  };
  return Object.fromEntries(Object.entries(schema).sort(([a], [b]) => rank(a) - rank(b) || a.localeCompare(b)));
}
