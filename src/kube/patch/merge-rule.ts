import type { JsonValue } from '../../core/json.ts';

/** How server-side apply and strategic merge treat one place in an object. Paths are field names; list elements are `*`. */
export type MergeRule =
  | { readonly kind: 'struct'; readonly fields: Readonly<Record<string, MergeRule>>; readonly rest?: MergeRule; readonly atomic?: boolean }
  | { readonly kind: 'map'; readonly values: MergeRule; readonly atomic?: boolean }
  | {
      readonly kind: 'list';
      readonly type: 'atomic' | 'set' | 'map';
      readonly keys?: readonly string[];
      /** What an item that leaves out a key means: a port without protocol is one of TCP. */
      readonly keyDefaults?: Readonly<Record<string, JsonValue>>;
      readonly items: MergeRule;
      /** Strategic merge knows the list by its first key, unless it is one that a patch replaces. */
      readonly patch?: 'replace';
    }
  | { readonly kind: 'scalar' }
  /** Unknown shape: objects merge by field, lists are atomic. */
  | { readonly kind: 'untyped' };

/** How a field of an object with this rule merges. */
export function fieldRule(rule: MergeRule, name: string): MergeRule {
  if (rule.kind === 'struct') return (Object.hasOwn(rule.fields, name) ? rule.fields[name] : rule.rest) ?? untyped;
  return rule.kind === 'map' ? rule.values : untyped;
}

const untyped: MergeRule = { kind: 'untyped' };
