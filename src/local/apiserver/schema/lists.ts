import { isDeepStrictEqual } from 'node:util';
import { isJsonObject, type JsonObject, type JsonValue } from '../../../core/json.ts';
import type { FieldError } from '../resource.ts';
import { duplicate, fieldPath, indexPath, keyPath } from './paths.ts';
import type { Structural } from './structural.ts';

/** Refuses lists of type set with equal items and lists of type map with items of equal keys. */
export function duplicateErrors(object: JsonObject, schema: Structural): FieldError[] {
  const errors: FieldError[] = [];

  function walk(value: JsonValue, node: Structural, path: string): void {
    if (Array.isArray(value)) {
      if (node.list && node.list.type !== 'atomic') checkItems(value, node.list, path);
      const items = node.items;
      if (items) value.forEach((item, index) => void walk(item, items, indexPath(path, index)));
    } else if (isJsonObject(value)) {
      for (const [name, child] of Object.entries(value)) {
        const named = node.properties[name];
        if (named) walk(child, named, fieldPath(path, name));
        else if (node.additional && node.additional !== true) walk(child, node.additional, keyPath(path, name));
      }
    }
  }

  function checkItems(items: readonly JsonValue[], list: NonNullable<Structural['list']>, path: string): void {
    const seen: JsonValue[] = [];
    items.forEach((item, index) => {
      const identity = list.type === 'set' ? item : itemKeys(item, list.keys);
      if (seen.some((each) => isDeepStrictEqual(each, identity))) errors.push(duplicate(indexPath(path, index), identity));
      seen.push(identity);
    });
  }

  walk(object, schema, '');
  return errors;
}

/** The identity of an item of a list of type map: its key fields alone. */
export function itemKeys(item: JsonValue, keys: readonly string[]): JsonObject {
  const identity: JsonObject = {};
  for (const key of keys) {
    const value = isJsonObject(item) ? item[key] : undefined;
    if (value !== undefined) identity[key] = value;
  }
  return identity;
}
