import { isDeepStrictEqual } from 'node:util';
import { isJsonObject, type JsonObject, type JsonValue } from '../../../../core/json.ts';
import type { FieldError } from '../../resource.ts';
import { itemKeys } from '../lists.ts';
import { duplicate, fieldPath, forbidden, indexPath, invalid, keyPath, required } from '../paths.ts';
import type { Structural, ValidationRule } from '../structural.ts';
import { type CompiledRules, RuleCompiler } from './compile.ts';

/** A rule that cannot be used; `path` leads to its schema: `properties[spec].properties[x]`. */
type BrokenRule = {
  readonly path: string;
  readonly index: number;
  readonly field: 'rule' | 'messageExpression';
  readonly message: string;
};

export type RuleSet = {
  readonly broken: readonly BrokenRule[];
  validate(object: JsonObject, old: JsonObject | undefined): FieldError[];
};

/** Compiles every `x-kubernetes-validations` rule of a schema. */
export function compileRules(root: Structural): RuleSet {
  const compiled = new Map<Structural, CompiledRules>();
  const busy = new Set<Structural>();
  const broken: BrokenRule[] = [];
  if (!hasRules(root)) return { broken, validate: () => [] };
  const compiler = new RuleCompiler();
  compiler.declare(root, 'Object');
  visit(root, '', true, (schema, path, correlatable) => {
    if (schema.rules.length === 0) return;
    const rules = compiler.compile(schema);
    compiled.set(schema, rules);
    broken.push(...rules.problems.map((problem) => ({ ...problem, path })));
    if (correlatable) return;
    for (const [index, { rule, usesOldSelf }] of rules.rules.entries()) {
      if (usesOldSelf && !rule.optionalOldSelf) {
        broken.push({ path, index, field: 'rule', message: 'oldSelf cannot be used on the uncorrelatable portion of the schema' });
      }
    }
  });
  for (const schema of schemasOf(root)) if (hasRules(schema)) busy.add(schema);

  function walk(value: JsonValue, old: JsonValue | undefined, schema: Structural, path: string, errors: FieldError[]): void {
    if (value === null || !busy.has(schema)) return;
    const rules = compiled.get(schema);
    if (rules) errors.push(...judge(rules, value, old, path));
    if (Array.isArray(value)) {
      const items = schema.items;
      if (items)
        value.forEach((item, index) => void walk(item, oldItem(schema, old, value, item, index), items, indexPath(path, index), errors));
    } else if (isJsonObject(value)) {
      for (const [name, child] of Object.entries(value)) {
        const before = isJsonObject(old) && Object.hasOwn(old, name) ? old[name] : undefined;
        const named = schema.properties[name];
        if (named) walk(child, before, named, fieldPath(path, name), errors);
        else if (schema.additional && schema.additional !== true) walk(child, before, schema.additional, keyPath(path, name), errors);
      }
    }
  }

  return {
    broken,
    validate(object, old) {
      const errors: FieldError[] = [];
      walk(object, old, root, '', errors);
      return errors;
    },
  };
}

function judge({ rules, convert }: CompiledRules, value: JsonValue, old: JsonValue | undefined, path: string): FieldError[] {
  const self = convert(value);
  const oldSelf = old === undefined || old === null ? undefined : convert(old);
  const unchanged = oldSelf !== undefined && isDeepStrictEqual(value, old);
  return rules.flatMap(({ rule, usesOldSelf, judge: decide }) => {
    if (usesOldSelf && oldSelf === undefined && !rule.optionalOldSelf) return [];
    // Ratcheting (KEP-4008): what was stored before the rule came stays valid until it changes.
    if (!usesOldSelf && unchanged) return [];
    const verdict = decide(self, oldSelf);
    return verdict.ok ? [] : [ruleError(rule, path, value, verdict.message, verdict.fromExpression)];
  });
}

function ruleError(rule: ValidationRule, path: string, value: JsonValue, message: string, fromExpression: boolean): FieldError {
  const field = withFieldPath(path, rule.fieldPath) || '<nil>';
  switch (rule.reason) {
    case 'FieldValueRequired':
      return required(field, message);
    case 'FieldValueForbidden':
      return forbidden(field, message);
    case 'FieldValueDuplicate':
      return duplicate(field, value);
    default:
      // A message made by an expression names the value itself if it wants to.
      return fromExpression ? { field, reason: 'FieldValueInvalid', message: `Invalid value: ${message}` } : invalid(field, value, message);
  }
}

/** Appends a rule's `fieldPath`, such as `.spec.x` or `['a.b']`. */
function withFieldPath(path: string, below: string | undefined): string {
  let full = path;
  for (const [, dotted, quoted] of (below ?? '').matchAll(/\.([^.[\]]+)|\['([^']*)'\]/g)) full = fieldPath(full, dotted ?? quoted ?? '');
  return full;
}

function oldItem(schema: Structural, old: JsonValue | undefined, list: JsonValue, item: JsonValue, index: number): JsonValue | undefined {
  if (!Array.isArray(old)) return undefined;
  const { list: shape } = schema;
  if (shape?.type !== 'map') return isDeepStrictEqual(old, list) ? old[index] : undefined;
  const identity = itemKeys(item, shape.keys);
  return old.find((each) => isDeepStrictEqual(itemKeys(each, shape.keys), identity));
}

/** Calls back for a schema and all below; `correlatable` tells whether old and new values there can be told apart. */
function visit(
  schema: Structural,
  path: string,
  correlatable: boolean,
  see: (schema: Structural, path: string, correlatable: boolean) => void,
): void {
  see(schema, path, correlatable);
  const join = (part: string): string => (path === '' ? part : `${path}.${part}`);
  for (const [name, property] of Object.entries(schema.properties)) visit(property, join(`properties[${name}]`), correlatable, see);
  if (schema.additional && schema.additional !== true) visit(schema.additional, join('additionalProperties'), correlatable, see);
  if (schema.items) visit(schema.items, join('items'), correlatable && schema.list?.type === 'map', see);
}

function schemasOf(root: Structural): Structural[] {
  const all: Structural[] = [];
  visit(root, '', true, (schema) => void all.push(schema));
  return all;
}

function hasRules(schema: Structural): boolean {
  return schemasOf(schema).some((each) => each.rules.length > 0);
}
