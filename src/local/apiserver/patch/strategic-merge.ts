import { isJsonObject, type JsonObject, type JsonValue } from '../../../core/json.ts';
import { fieldRule } from '../apply/typed.ts';
import { jsonEqual, setField } from '../object.ts';
import type { MergeRule } from '../resource.ts';
import { statuses } from '../status.ts';

type ListRule = Extract<MergeRule, { kind: 'list' }>;

const deleteFromList = '$deleteFromPrimitiveList/';
const elementOrder = '$setElementOrder/';

/**
 * Applies a strategic merge patch: as a merge patch, but lists of maps merge by key and sets by value, as the rule says.
 * Knows `$patch` (replace, delete, merge), `$retainKeys`, `$deleteFromPrimitiveList` and `$setElementOrder` (apimachinery strategicpatch).
 */
export function applyStrategicMergePatch(object: JsonObject, patch: JsonObject, rule: MergeRule): JsonObject {
  const directive = patch.$patch;
  if (directive === 'delete') return {};
  if (directive === 'replace') return withoutDirectives(patch);
  if (directive !== undefined && directive !== 'merge') throw statuses.badRequest(`Unknown patch type: ${JSON.stringify(directive)}`);
  const result = retained(object, patch.$retainKeys);
  for (const [field, value] of Object.entries(patch)) {
    if (field.startsWith('$')) continue;
    if (value === null) delete result[field];
    else setField(result, field, mergeValue(result[field], value, fieldRule(rule, field)));
  }
  for (const [directiveName, value] of Object.entries(patch)) {
    if (directiveName.startsWith(deleteFromList)) deletePrimitives(result, directiveName.slice(deleteFromList.length), value);
    if (directiveName.startsWith(elementOrder)) {
      const field = directiveName.slice(elementOrder.length);
      reorder(result, field, value, fieldRule(rule, field));
    }
  }
  return result;
}

function mergeValue(current: JsonValue | undefined, patch: JsonValue, rule: MergeRule): JsonValue {
  if (isJsonObject(patch)) return applyStrategicMergePatch(isJsonObject(current) ? current : {}, patch, rule);
  if (!Array.isArray(patch)) return patch;
  const live = Array.isArray(current) ? current : [];
  if (rule.kind !== 'list' || rule.type === 'atomic') return patch.filter((item) => !isReplaceMarker(item)).map(clean);
  return rule.type === 'set'
    ? [...live, ...patch.filter((item) => !live.some((other) => jsonEqual(item, other)))]
    : mergeByKey(live, patch, rule);
}

function mergeByKey(live: readonly JsonValue[], patch: readonly JsonValue[], rule: ListRule): JsonValue[] {
  if (patch.some(isReplaceMarker)) return patch.filter((item) => !isReplaceMarker(item)).map(clean);
  const result = [...live];
  for (const item of patch) {
    if (!isJsonObject(item)) throw statuses.badRequest('a list that merges by key holds objects only');
    const position = result.findIndex((other) => sameKeys(other, item, rule));
    const matched = result[position];
    if (item.$patch === 'delete') {
      if (position >= 0) result.splice(position, 1);
    } else if (isJsonObject(matched)) result[position] = applyStrategicMergePatch(matched, item, rule.items);
    else result.push(applyStrategicMergePatch({}, item, rule.items));
  }
  return result;
}

/** Server-side apply knows items by more keys than strategic merge does (ports: by protocol too); a patch may leave those out. */
function sameKeys(item: JsonValue, patch: JsonObject, rule: ListRule): boolean {
  if (!isJsonObject(item)) return false;
  const keys = rule.keys ?? [];
  const [first] = keys;
  if (first === undefined || patch[first] === undefined) {
    throw statuses.badRequest(`map: ${JSON.stringify(patch)} does not contain declared merge key: ${first ?? ''}`);
  }
  return keys.every((key) => patch[key] === undefined || jsonEqual(patch[key], item[key]));
}

function retained(object: JsonObject, retainKeys: JsonValue | undefined): JsonObject {
  if (!Array.isArray(retainKeys)) return { ...object };
  return Object.fromEntries(Object.entries(object).filter(([field]) => retainKeys.includes(field)));
}

function deletePrimitives(object: JsonObject, field: string, values: JsonValue): void {
  const list = object[field];
  if (Array.isArray(list) && Array.isArray(values)) object[field] = list.filter((item) => !values.some((value) => jsonEqual(item, value)));
}

/** Items that the order names stand in that order; others keep their place after the item that they followed. */
function reorder(object: JsonObject, field: string, order: JsonValue, rule: MergeRule): void {
  const list = object[field];
  if (!Array.isArray(list) || !Array.isArray(order) || rule.kind !== 'list') return;
  const rankOf = (item: JsonValue): number =>
    order.findIndex((wanted) => (isJsonObject(wanted) ? sameKeys(item, wanted, rule) : jsonEqual(wanted, item)));
  const ranked = list.filter((item) => rankOf(item) >= 0).sort((a, b) => rankOf(a) - rankOf(b));
  const rest = list.map((item, index) => ({ item, index })).filter(({ item }) => rankOf(item) < 0);
  for (const { item, index } of rest) ranked.splice(Math.min(index, ranked.length), 0, item);
  object[field] = ranked;
}

function isReplaceMarker(item: JsonValue): boolean {
  return isJsonObject(item) && item.$patch === 'replace' && Object.keys(item).length === 1;
}

function clean(item: JsonValue): JsonValue {
  return isJsonObject(item) ? withoutDirectives(item) : item;
}

function withoutDirectives(object: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([field]) => !field.startsWith('$')));
}
