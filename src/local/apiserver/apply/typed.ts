import { isJsonObject, type JsonObject, type JsonValue, jsonEqual } from '../../../core/json.ts';
import { fieldRule, type MergeRule } from '../../../kube/index.ts';
import { FieldSet } from './field-set.ts';

/** The parts of a value that can be owned one by one, with the path element that names each; undefined for what is owned as a whole. */
export type Parts = ReadonlyMap<string, { readonly value: JsonValue; readonly rule: MergeRule; readonly declared: boolean }>;

/**
 * Takes a value apart as its rule says. Semantics: sigs.k8s.io/structured-merge-diff v6 (typed package).
 * Items that lack their keys, and repeated ones, make the whole list one part.
 */
export function partsOf(value: JsonValue | undefined, rule: MergeRule): Parts | undefined {
  if (isJsonObject(value)) {
    if (rule.kind === 'scalar' || rule.kind === 'list' || (rule.kind !== 'untyped' && rule.atomic)) return undefined;
    const parts = new Map<string, { value: JsonValue; rule: MergeRule; declared: boolean }>();
    for (const [name, item] of Object.entries(value)) {
      if (item !== undefined) parts.set(`f:${name}`, { value: item, rule: fieldRule(rule, name), declared: isDeclared(rule, name) });
    }
    return parts;
  }
  if (Array.isArray(value)) {
    if (rule.kind !== 'list' || rule.type === 'atomic') return undefined;
    const parts = new Map<string, { value: JsonValue; rule: MergeRule; declared: boolean }>();
    for (const item of value) {
      const element = listElement(item, rule);
      if (element === undefined || parts.has(element)) return undefined;
      parts.set(element, { value: item, rule: rule.items, declared: false });
    }
    return parts;
  }
  return undefined;
}

function isDeclared(rule: MergeRule, name: string): boolean {
  return rule.kind === 'struct' && Object.hasOwn(rule.fields, name);
}

/** The path element of a list item: its keys or its value; undefined when it lacks all of its keys. */
export function listElement(item: JsonValue, rule: Extract<MergeRule, { kind: 'list' }>): string | undefined {
  if (rule.type === 'set') return `v:${JSON.stringify(item)}`;
  if (!isJsonObject(item)) return undefined;
  const keys: JsonObject = {};
  for (const key of [...(rule.keys ?? [])].sort()) {
    const value = item[key] ?? rule.keyDefaults?.[key];
    if (value !== undefined) keys[key] = value;
  }
  return Object.keys(keys).length === 0 ? undefined : `k:${JSON.stringify(keys)}`;
}

/** Every place that a value sets. */
export function fieldsOf(value: JsonValue, rule: MergeRule): FieldSet {
  const set = new FieldSet();
  for (const [element, part] of partsOf(value, rule) ?? []) {
    const inner = partsOf(part.value, part.rule);
    if (inner && inner.size > 0) set.children.set(element, fieldsOf(part.value, part.rule));
    // Items of lists and entries of maps exist by being named, beside what is in them.
    if (!inner || inner.size === 0 || !part.declared) set.members.add(element);
  }
  return set;
}

/** What differs between two values: places only in `after`, in both with other values, and only in `before`. */
export type Comparison = { readonly added: FieldSet; readonly modified: FieldSet; readonly removed: FieldSet };

export function compare(before: JsonValue | undefined, after: JsonValue | undefined, rule: MergeRule): Comparison {
  const comparison: Comparison = { added: new FieldSet(), modified: new FieldSet(), removed: new FieldSet() };
  compareParts(partsOf(before, rule), partsOf(after, rule), comparison);
  return comparison;
}

function compareParts(before: Parts | undefined, after: Parts | undefined, into: Comparison): void {
  for (const element of new Set([...(before?.keys() ?? []), ...(after?.keys() ?? [])])) {
    const old = before?.get(element);
    const now = after?.get(element);
    if (old && now && jsonEqual(old.value, now.value)) continue;
    const oldParts = old && partsOf(old.value, old.rule);
    const nowParts = now && partsOf(now.value, now.rule);
    if (!old) into.added.members.add(element);
    else if (!now) into.removed.members.add(element);
    // A whole that changed, or that became another kind of value.
    else if (!oldParts || !nowParts) into.modified.members.add(element);
    if (!oldParts && !nowParts) continue;
    compareParts(oldParts, nowParts, {
      added: into.added.descend(element),
      modified: into.modified.descend(element),
      removed: into.removed.descend(element),
    });
  }
}
