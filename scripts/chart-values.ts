import { isMap, isScalar, type Pair, parseDocument, type YAMLMap } from 'yaml';
import { type JsonSchema, shapes } from './chart-shapes.ts';

/** A value of the chart that can be set: where it is, what it may be, what it is for. */
export type ChartValue = {
  readonly path: readonly string[];
  readonly schema: JsonSchema;
  readonly default: unknown;
  readonly description: string;
};

/** The values of values.yaml in their order. Throws for a key without a description, an unknown shape, or a type that cannot be told. */
export function readValues(text: string): readonly ChartValue[] {
  const document = parseDocument(text);
  const [error] = document.errors;
  if (error) throw error;
  if (!isMap(document.contents)) throw new Error('values.yaml is no map');
  return valuesOf(document.contents, []);
}

function valuesOf(map: YAMLMap, parent: readonly string[]): ChartValue[] {
  return map.items.flatMap((pair: Pair, index) => {
    if (!isScalar(pair.key)) throw new Error(`a key of ${parent.join('.') || 'values.yaml'} is no text`);
    const path = [...parent, String(pair.key.value)];
    // The parser gives the comment before a map's first key to the map.
    const comment = [index === 0 ? map.commentBefore : undefined, pair.key.commentBefore].filter(Boolean).join('\n');
    const annotated = /^ @schema /m.test(comment);
    if (isMap(pair.value) && pair.value.items.length > 0 && !annotated) return valuesOf(pair.value, path);
    return [leaf(path, comment, isMap(pair.value) || !isScalar(pair.value) ? toJson(pair.value) : pair.value.value)];
  });
}

function toJson(node: unknown): unknown {
  return typeof node === 'object' && node !== null && 'toJSON' in node && typeof node.toJSON === 'function' ? node.toJSON() : node;
}

function leaf(path: readonly string[], comment: string, value: unknown): ChartValue {
  const where = path.join('.');
  const lines = comment.split('\n');
  const description = lines.find((line) => line.startsWith(' -- '))?.slice(4);
  if (!description) throw new Error(`values.yaml: describe ${where} by a comment "# -- …"`);
  const annotation = lines.find((line) => line.startsWith(' @schema '))?.slice(9);
  return { path, description, default: value, schema: { ...inferred(value), ...(annotation && annotated(annotation, where)) } };
}

function annotated(annotation: string, where: string): JsonSchema {
  if (annotation.startsWith('{')) return toJson(parseDocument(annotation).contents) as JsonSchema;
  const shape = shapes[annotation];
  if (!shape) throw new Error(`values.yaml: ${where} names the shape ${annotation}, which scripts/chart-shapes.ts has not`);
  // What a shape says of the type is all there is to say.
  return { type: undefined, ...shape };
}

function inferred(value: unknown): JsonSchema {
  if (typeof value === 'boolean') return { type: 'boolean' };
  if (typeof value === 'string') return { type: 'string' };
  if (typeof value === 'number') return { type: Number.isInteger(value) ? 'integer' : 'number' };
  return {};
}

type Level = { properties: Record<string, Level | JsonSchema> };

/** values.schema.json: refuses every key that values.yaml has not. */
export function valuesSchema(values: readonly ChartValue[]): JsonSchema {
  const root: Level = { properties: {} };
  for (const { path, schema, description, default: value } of values) {
    let level = root;
    for (const key of path.slice(0, -1)) {
      level.properties[key] ??= { properties: {} };
      level = level.properties[key] as Level;
    }
    level.properties[path.at(-1) ?? ''] = { description, ...schema, default: value };
  }
  const { properties, ...rest } = closedLevels(root) as { properties: Record<string, JsonSchema> };
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Values of the chart modelfleet',
    ...rest,
    properties: {
      ...properties,
      // Helm hands these to a chart that is part of another one.
      global: { description: 'Values that a parent chart shares with its parts; not used here.', type: 'object' },
      enabled: { description: 'For the `condition` of a parent chart; not used here.', type: 'boolean' },
    },
  };
}

function closedLevels(level: Level): JsonSchema {
  const isLevel = (entry: Level | JsonSchema): entry is Level => Object.keys(entry).length === 1 && 'properties' in entry;
  return {
    type: 'object',
    additionalProperties: false,
    properties: Object.fromEntries(
      Object.entries(level.properties).map(([key, entry]) => [key, isLevel(entry) ? closedLevels(entry) : entry]),
    ),
  };
}

/** The table of the README. */
export function valuesTable(values: readonly ChartValue[]): string {
  const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
  const rows = values.map(
    ({ path, schema, default: value, description }) =>
      `| \`${path.join('.')}\` | ${typeOf(schema)} | \`${cell(JSON.stringify(value))}\` | ${cell(description)} |`,
  );
  return ['| Key | Type | Default | What it does |', '| --- | --- | --- | --- |', ...rows].join('\n');
}

function typeOf({ type, enum: choices, anyOf }: JsonSchema): string {
  if (Array.isArray(choices))
    return choices
      .filter((choice) => choice !== '')
      .map((choice) => `\`${String(choice)}\``)
      .join(', ');
  if (typeof type === 'string') return type;
  if (Array.isArray(anyOf)) return anyOf.map((choice: JsonSchema) => String(choice.type)).join(' or ');
  throw new Error('a value of the chart has no type');
}
