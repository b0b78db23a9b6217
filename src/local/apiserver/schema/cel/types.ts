import { isDeepStrictEqual } from 'node:util';
import type { Environment } from '@marcbachmann/cel-js';
import { Duration } from '@marcbachmann/cel-js/evaluator';
import { parseDuration } from '../../../../core/durations.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../../../core/json.ts';
import type { Structural } from '../structural.ts';

/** How values of a schema look to CEL: the name of their type, and a JSON value turned into one. */
export type CelType = { readonly name: string; readonly convert: (value: JsonValue) => unknown };

/** An object with declared fields. `json` is kept to compare whole objects. */
class Message extends Map<string, unknown> {
  readonly json: JsonObject;
  constructor(json: JsonObject, fields: Iterable<readonly [string, unknown]>) {
    super(fields);
    this.json = json;
  }
}

const keywords = new Set(
  'true false null in as break const continue else for function if import let loop package namespace return var void while'.split(' '),
);

/** A property name as rules write it (k8s.io/apiserver/pkg/cel/escaping.go); undefined when rules cannot name it. */
function escapeName(name: string): string | undefined {
  if (keywords.has(name)) return `__${name}__`;
  if (!/^[A-Za-z_][A-Za-z0-9_./-]*$/.test(name)) return undefined;
  return name.replaceAll('__', '__underscores__').replaceAll('.', '__dot__').replaceAll('-', '__dash__').replaceAll('/', '__slash__');
}

/** Values without a declared type: integers are int, other numbers double. */
function dynamic(value: JsonValue): unknown {
  if (typeof value === 'number') return Number.isInteger(value) ? BigInt(value) : value;
  if (Array.isArray(value)) return value.map(dynamic);
  if (isJsonObject(value)) return new Map(Object.entries(value).map(([key, each]) => [key, dynamic(each)]));
  return value;
}

const dyn: CelType = { name: 'dyn', convert: dynamic };
const same = (value: JsonValue): unknown => value;

function durationOf(value: JsonValue): unknown {
  const text = String(value);
  const ms = parseDuration(text.replace(/^[+-]/, ''));
  return Duration.fromMilliseconds(text.startsWith('-') ? -ms : ms);
}

function stringType(format: string | undefined): CelType {
  switch (format) {
    case 'date-time':
      return { name: 'google.protobuf.Timestamp', convert: (value) => new Date(String(value)) };
    case 'date':
      return { name: 'google.protobuf.Timestamp', convert: (value) => new Date(String(value)) };
    case 'duration':
      return { name: 'google.protobuf.Duration', convert: durationOf };
    case 'byte':
      return { name: 'bytes', convert: (value) => Buffer.from(String(value), 'base64') };
    default:
      return { name: 'string', convert: same };
  }
}

/** Declares the types of schemas in an environment, each once. */
export class TypeBook {
  private readonly environment: Environment;
  private readonly known = new Map<Structural, CelType>();
  private readonly names = new Set<string>();

  constructor(environment: Environment) {
    this.environment = environment;
  }

  /** The type of a schema; `path` names it in messages (`Object.spec.engine`). */
  declare(schema: Structural, path: string): CelType {
    let type = this.known.get(schema);
    if (!type) {
      const made = this.make(schema, path);
      // A value may be null where the schema says so, and no declared type takes null.
      type = schema.nullable ? { name: 'dyn', convert: (value) => (value === null ? null : made.convert(value)) } : made;
      this.known.set(schema, type);
    }
    return type;
  }

  private make(schema: Structural, path: string): CelType {
    if (schema.intOrString) return dyn;
    switch (schema.type) {
      case 'string':
        return stringType(schema.format);
      case 'integer':
        return { name: 'int', convert: (value) => BigInt(Number(value)) };
      case 'number':
        return { name: 'double', convert: same };
      case 'boolean':
        return { name: 'bool', convert: same };
      case 'array':
        return this.makeList(schema, path);
      case 'object':
        return this.makeObject(schema, path);
      default:
        return dyn;
    }
  }

  private makeList(schema: Structural, path: string): CelType {
    const items = schema.items ? this.declare(schema.items, `${path}.items`) : dyn;
    return { name: `list<${items.name}>`, convert: (value) => (Array.isArray(value) ? value.map(items.convert) : value) };
  }

  private makeObject(schema: Structural, path: string): CelType {
    if (schema.additional !== undefined) {
      const values = schema.additional === true ? dyn : this.declare(schema.additional, `${path}.values`);
      const convert = (value: JsonValue): unknown =>
        isJsonObject(value) ? new Map(Object.entries(value).map(([key, each]) => [key, values.convert(each)])) : value;
      return { name: `map<string, ${values.name}>`, convert };
    }
    if (schema.preserveUnknown && Object.keys(schema.properties).length === 0) return dyn;
    return this.makeMessage(schema, path);
  }

  private makeMessage(schema: Structural, path: string): CelType {
    const name = this.unusedName(path);
    const fields: Record<string, string> = {};
    const converters = new Map<string, readonly [escaped: string, type: CelType]>();
    for (const [property, each] of Object.entries(schema.properties)) {
      const escaped = escapeName(property);
      if (escaped === undefined) continue;
      const type = this.declare(each, `${path}.${escaped}`);
      fields[escaped] = type.name;
      converters.set(property, [escaped, type]);
    }
    // The library knows a value's type by its constructor, so every type has its own.
    const ctor = class extends Message {};
    this.environment.registerType(name, { ctor, fields });
    this.environment.registerOperator(`${name} == ${name}`, (a: Message, b: Message) => isDeepStrictEqual(a.json, b.json));
    const convert = (value: JsonValue): unknown => {
      if (!isJsonObject(value)) return value;
      const entries = Object.entries(value).flatMap(([property, each]) => {
        const converter = converters.get(property);
        return converter ? [[converter[0], converter[1].convert(each)] as const] : [];
      });
      return new ctor(value, entries);
    };
    return { name, convert };
  }

  private unusedName(path: string): string {
    let name = path;
    while (this.names.has(name)) name += '_';
    this.names.add(name);
    return name;
  }
}
