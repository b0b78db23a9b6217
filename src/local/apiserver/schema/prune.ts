import { isJsonObject, type JsonObject, type JsonValue } from '../../../core/json.ts';
import { entryPath, indexPath } from './paths.ts';
import type { Structural } from './structural.ts';

export type Pruned<T> = { readonly value: T; readonly unknown: readonly string[] };

/**
 * Drops fields that the schema does not name, and nulls that it does not allow, and says which fields were dropped.
 * `embedded` gives the schema of apiVersion, kind and metadata of an embedded resource.
 */
export function prune(object: JsonObject, schema: Structural, embedded: Structural): Pruned<JsonObject> {
  const unknown: string[] = [];

  function walk(value: JsonValue, node: Structural | undefined, path: string): JsonValue {
    if (Array.isArray(value)) return value.map((item, index) => walk(item, node?.items, indexPath(path, index)));
    if (!isJsonObject(value) || node?.intOrString) return value;
    const kept: [string, JsonValue][] = [];
    for (const [name, child] of Object.entries(value)) {
      const known = node?.embedded && Object.hasOwn(embedded.properties, name) ? embedded.properties[name] : property(node, name);
      if (known === 'drop') {
        unknown.push(entryPath(path, name));
        continue;
      }
      if (child === null && known && !known.nullable && !known.preserveUnknown) continue;
      kept.push([name, walk(child, known, entryPath(path, name))]);
    }
    // Not by assignment: a field may be named __proto__.
    return Object.fromEntries(kept);
  }

  return { value: walk(object, schema, '') as JsonObject, unknown };
}

/** The schema of one field; undefined where anything goes, `drop` where the schema names no such field. */
function property(node: Structural | undefined, name: string): Structural | undefined | 'drop' {
  if (!node) return undefined;
  const named = node.properties[name];
  if (named) return named;
  if (node.additional !== undefined) return node.additional === true ? undefined : node.additional;
  if (node.preserveUnknown) return undefined;
  return node.type === undefined || node.type === 'object' ? 'drop' : undefined;
}
