import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import { kubectl } from '../fakes/kubectl.ts';

type Schema = { [keyword: string]: unknown };
type Document = { readonly components: { readonly schemas: Readonly<Record<string, Schema>> } };
type Kind = { readonly group: string; readonly version: string; readonly kind: string };

/** Judges objects by what an API server publishes at /openapi/v3, and refuses fields that are not there. */
export class OpenApi {
  private readonly ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false });
  private readonly validators = new Map<string, Promise<ValidateFunction>>();
  private readonly kubeconfig: string;

  constructor(kubeconfig: string) {
    this.kubeconfig = kubeconfig;
  }

  /** What is wrong with the object: one line for each field. */
  async complaints(object: { readonly apiVersion: string; readonly kind: string }): Promise<readonly string[]> {
    const key = `${object.apiVersion} ${object.kind}`;
    const validator = this.validators.get(key) ?? this.validatorOf(object);
    this.validators.set(key, validator);
    const validate = await validator;
    return validate(object) ? [] : (validate.errors ?? []).map(lineOf);
  }

  private async validatorOf({ apiVersion, kind }: { readonly apiVersion: string; readonly kind: string }): Promise<ValidateFunction> {
    const [version = '', group = ''] = apiVersion.split('/').reverse();
    const path = group === '' ? `api/${version}` : `apis/${group}/${version}`;
    const { stdout, stderr, code } = await kubectl(this.kubeconfig, ['get', '--raw', `/openapi/v3/${path}`]);
    if (code !== 0) throw new Error(`/openapi/v3/${path}: ${stderr}`);
    const { schemas } = (JSON.parse(stdout) as Document).components;
    const name = Object.keys(schemas).find((candidate) =>
      kindsOf(schemas[candidate]).some((known) => sameKind(known, { group, version, kind })),
    );
    if (name === undefined) throw new Error(`/openapi/v3/${path} does not describe ${kind}`);
    return this.ajv.compile({ $ref: `#/components/schemas/${name}`, components: { schemas: mapValues(schemas, closed) } });
  }
}

function kindsOf(schema: Schema | undefined): readonly Kind[] {
  return (schema?.['x-kubernetes-group-version-kind'] ?? []) as readonly Kind[];
}

function sameKind(one: Kind, other: Kind): boolean {
  return one.group === other.group && one.version === other.version && one.kind === other.kind;
}

const schemaLists = ['allOf', 'anyOf', 'oneOf'] as const;
const subschemas = ['items', 'additionalProperties', 'not'] as const;

/** The schema, refusing fields that it does not name unless it says that it takes any. */
function closed(schema: Schema): Schema {
  const result: Schema = { ...schema };
  for (const keyword of schemaLists) if (Array.isArray(schema[keyword])) result[keyword] = (schema[keyword] as Schema[]).map(closed);
  for (const keyword of subschemas) if (isObject(schema[keyword])) result[keyword] = closed(schema[keyword]);
  if (isObject(schema.properties)) {
    result.properties = mapValues(schema.properties as Record<string, Schema>, closed);
    const open = schema['x-kubernetes-preserve-unknown-fields'] === true;
    if (schema.type === 'object' && schema.additionalProperties === undefined && !open) result.additionalProperties = false;
  }
  // Go's regular expressions are not JavaScript's; a dry run on the server judges by them.
  delete result.pattern;
  // OpenAPI 3.0 lets any schema be nullable; to ajv that is a word about a type.
  if (schema.type === undefined) delete result.nullable;
  return result;
}

function isObject(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function mapValues<From, To>(record: Readonly<Record<string, From>>, change: (value: From) => To): Record<string, To> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
}

function lineOf({ instancePath, message, params }: ErrorObject): string {
  const extra = 'additionalProperty' in params ? `: ${String(params.additionalProperty)}` : '';
  return `${instancePath} ${message}${extra}`;
}
