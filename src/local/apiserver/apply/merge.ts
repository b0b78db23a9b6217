import { isJsonObject, type JsonObject, type JsonValue, setField } from '../../../core/json.ts';
import { fieldRule, type MergeRule } from '../../../kube/index.ts';
import type { FieldSet } from './field-set.ts';
import { listElement, partsOf } from './typed.ts';

type ListRule = Extract<MergeRule, { kind: 'list' }>;

/** Lays a configuration over a live value: what the configuration names wins, the rest stays. */
export function mergeTyped(live: JsonValue | undefined, config: JsonValue, rule: MergeRule): JsonValue {
  const liveParts = partsOf(live, rule);
  const configParts = partsOf(config, rule);
  if (!liveParts || !configParts) return config;
  if (isJsonObject(live) && isJsonObject(config)) {
    const merged: JsonObject = { ...live };
    for (const [name, value] of Object.entries(config)) setField(merged, name, mergeTyped(live[name], value, fieldRule(rule, name)));
    return merged;
  }
  if (Array.isArray(live) && Array.isArray(config) && rule.kind === 'list') return mergeLists(live, config, rule);
  return config;
}

/** Items that both name keep the order of the configuration; items only in `live` keep their place among them. */
function mergeLists(live: readonly JsonValue[], config: readonly JsonValue[], rule: ListRule): JsonValue[] {
  const element = (item: JsonValue): string => listElement(item, rule) ?? '';
  const liveByElement = new Map(live.map((item) => [element(item), item]));
  const wanted = new Set(config.map(element));
  const merged: JsonValue[] = [];
  let next = 0;
  const takeConfig = (item: JsonValue) => merged.push(mergeTyped(liveByElement.get(element(item)), item, rule.items));
  const taken = new Set<string>();
  for (const item of live) {
    const name = element(item);
    if (!wanted.has(name)) {
      merged.push(item);
      continue;
    }
    for (; next < config.length && !taken.has(name); next += 1) {
      const candidate = config[next];
      if (candidate === undefined) continue;
      takeConfig(candidate);
      taken.add(element(candidate));
    }
  }
  for (const item of config.slice(next)) takeConfig(item);
  return merged;
}

/**
 * Removes what is in `given` (places a manager gave up) unless something in `kept` (places that are owned) needs it.
 * An item that stays keeps its `keys`, whoever owned them.
 */
export function removeGivenUp(value: JsonValue, rule: MergeRule, given: FieldSet, kept: FieldSet, keys: readonly string[] = []): JsonValue {
  const parts = partsOf(value, rule);
  if (!parts || given.isEmpty) return value;
  const survives = (element: string): boolean => !given.has(element) || kept.has(element);
  const reduced = (element: string, item: JsonValue, itemRule: MergeRule, itemKeys: readonly string[] = []): JsonValue =>
    removeGivenUp(item, itemRule, given.child(element), kept.child(element), itemKeys);
  if (isJsonObject(value)) {
    const result: JsonObject = {};
    for (const [name, item] of Object.entries(value)) {
      if (keys.includes(name) || survives(`f:${name}`)) setField(result, name, reduced(`f:${name}`, item, fieldRule(rule, name)));
    }
    return result;
  }
  if (!Array.isArray(value) || rule.kind !== 'list') return value;
  return value.flatMap((item) => {
    const element = listElement(item, rule) ?? '';
    return survives(element) ? [reduced(element, item, rule.items, rule.keys)] : [];
  });
}
