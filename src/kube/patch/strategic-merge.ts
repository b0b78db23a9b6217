import { isJsonObject, type JsonObject, type JsonValue, jsonEqual, setField } from '../../core/json.ts';
import { normalized } from './list-order.ts';
import { fieldRule, type MergeRule } from './merge-rule.ts';

/** A patch that cannot be applied: what in it is wrong. */
export class PatchError extends Error {
  override readonly name = 'PatchError';
}

type ListRule = Extract<MergeRule, { kind: 'list' }>;

const directive = '$patch';
const retainKeys = '$retainKeys';
const deleteFromList = '$deleteFromPrimitiveList/';
const elementOrder = '$setElementOrder/';

/**
 * Applies a strategic merge patch, as an API server does: a merge patch in which lists of maps merge by key and sets by value, as the rule says.
 * Knows `$patch` (replace, delete), `$retainKeys`, `$deleteFromPrimitiveList` and `$setElementOrder`.
 * Neither argument is changed. Throws PatchError. Semantics: k8s.io/apimachinery, strategicpatch.mergeMap.
 */
export function applyStrategicMergePatch(object: JsonObject, patch: JsonObject, rule: MergeRule): JsonObject {
  const told = patch[directive];
  if (told === 'delete') return {};
  if (told === 'replace') return plainObject(patch);
  if (told !== undefined) throw unknownDirective(told);
  const result = retained(object, patch);
  for (const [name, order] of Object.entries(patch)) {
    if (name.startsWith(elementOrder)) arrange(result, patch, name.slice(elementOrder.length), order, rule);
  }
  for (const [field, value] of Object.entries(patch)) {
    if (field.startsWith(deleteFromList)) deletePrimitives(result, field.slice(deleteFromList.length), value);
    else if (field === retainKeys || field.startsWith(elementOrder) || `${elementOrder}${field}` in patch) continue;
    else if (value === null) delete result[field];
    else setOrDelete(result, field, mergeValue(result[field], value, fieldRule(rule, field)));
  }
  return result;
}

/** The field with the patch laid over it; undefined when nothing is left of it. */
function mergeValue(current: JsonValue | undefined, patch: JsonValue, rule: MergeRule): JsonValue | undefined {
  if (isJsonObject(patch) && isJsonObject(current)) return applyStrategicMergePatch(current, patch, rule);
  if (Array.isArray(patch) && Array.isArray(current)) return mergeList(current, patch, rule);
  return plain(patch);
}

function mergeList(live: readonly JsonValue[], patch: readonly JsonValue[], rule: MergeRule): JsonValue[] {
  if (rule.kind !== 'list' || rule.type === 'atomic' || rule.patch === 'replace') return plainList(patch);
  if (rule.type === 'set') {
    const both = [...live, ...patch].filter((item, index, all) => all.findIndex((other) => jsonEqual(item, other)) === index);
    return normalized(both, patch, live, jsonEqual);
  }
  const key = keyOf(rule);
  const { kept, changes } = withoutSpecialItems(live, patch, key);
  const merged = [...kept];
  for (const change of changes) {
    const position = merged.findIndex((item) => isJsonObject(item) && jsonEqual(item[key], change[key]));
    const matched = merged[position];
    if (isJsonObject(matched)) merged[position] = applyStrategicMergePatch(matched, change, rule.items);
    else merged.push(plainObject(change));
  }
  return normalized(merged, changes, kept, sameBy(key));
}

/** Takes out the items that are directives, and does as they say. */
function withoutSpecialItems(
  live: readonly JsonValue[],
  patch: readonly JsonValue[],
  key: string,
): { readonly kept: readonly JsonValue[]; readonly changes: readonly JsonObject[] } {
  let kept = live;
  const changes: JsonObject[] = [];
  let replaces = false;
  for (const item of patch) {
    if (!isJsonObject(item)) throw new PatchError('a list that merges by key holds objects only');
    const told = item[directive];
    if (told === 'replace') replaces = true;
    else if (told !== undefined && told !== 'delete') throw unknownDirective(told);
    else if (item[key] === undefined) {
      throw new PatchError(`map: ${JSON.stringify(item)} does not contain declared merge key: ${key}`);
    } else if (told === 'delete') kept = kept.filter((other) => !(isJsonObject(other) && jsonEqual(other[key], item[key])));
    else changes.push(item);
  }
  return replaces ? { kept: plainList(changes), changes: [] } : { kept, changes };
}

/** Lays the list of the patch, if it has one, over the live one and puts the items that `order` names in that order. */
function arrange(result: JsonObject, patch: JsonObject, field: string, order: JsonValue, parent: MergeRule): void {
  const rule = fieldRule(parent, field);
  const change = patch[field];
  const live = result[field];
  if (!Array.isArray(order)) throw new PatchError(`${elementOrder}${field} must be a list`);
  const merged = change === undefined ? live : mergeValue(live, change, rule);
  if (merged === undefined) return;
  if (!Array.isArray(merged)) throw new PatchError(`${elementOrder}${field} stands beside a field that is no list`);
  const same = rule.kind === 'list' && rule.type === 'map' ? sameBy(keyOf(rule)) : jsonEqual;
  result[field] = normalized(merged, order, Array.isArray(live) ? live : [], same);
}

/** Strategic merge knows an item by one key, where server-side apply may need several: ports by number alone. */
function keyOf({ keys = [] }: ListRule): string {
  return keys[0] ?? '';
}

function sameBy(key: string): (one: JsonValue, other: JsonValue) => boolean {
  return (one, other) => isJsonObject(one) && isJsonObject(other) && jsonEqual(one[key], other[key]);
}

function retained(object: JsonObject, patch: JsonObject): JsonObject {
  const names = patch[retainKeys];
  if (names === undefined) return { ...object };
  if (!Array.isArray(names)) throw new PatchError(`${retainKeys} must be a list of fields`);
  for (const [field, value] of Object.entries(patch)) {
    if (value === null || field.startsWith('$') || names.includes(field)) continue;
    throw new PatchError(`${retainKeys} must name each field of the patch beside it, and does not name ${field}`);
  }
  return Object.fromEntries(Object.entries(object).filter(([field]) => names.includes(field)));
}

function deletePrimitives(object: JsonObject, field: string, values: JsonValue): void {
  const list = object[field];
  if (Array.isArray(list) && Array.isArray(values)) object[field] = list.filter((item) => !values.some((value) => jsonEqual(item, value)));
}

function setOrDelete(object: JsonObject, field: string, value: JsonValue | undefined): void {
  if (value === undefined) delete object[field];
  else setField(object, field, value);
}

/** What stays of a part of a patch where there is nothing to merge it with: no directives and no nulls; undefined for a directive itself. */
function plain(value: JsonValue): JsonValue | undefined {
  if (Array.isArray(value)) return plainList(value);
  if (!isJsonObject(value)) return value;
  return value[directive] === undefined ? plainObject(value) : undefined;
}

function plainList(list: readonly JsonValue[]): JsonValue[] {
  return list.flatMap((item) => plain(item) ?? []);
}

function plainObject(object: JsonObject): JsonObject {
  const result: JsonObject = {};
  for (const [field, value] of Object.entries(object)) {
    if (value !== null && !field.startsWith('$')) setOrDelete(result, field, plain(value));
  }
  return result;
}

function unknownDirective(told: JsonValue): PatchError {
  return new PatchError(`Unknown patch type: ${JSON.stringify(told)}`);
}
