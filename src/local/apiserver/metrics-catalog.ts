import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import { discovery } from '../../metrics-api/discovery.ts';
import { openapiDocuments } from '../../metrics-api/openapi.ts';
import type { Catalog } from './catalog.ts';
import { type Document, withEtag } from './openapi.ts';

const openapi = openapiDocuments();

/** The catalog with the two metrics APIs in discovery and OpenAPI, as an API server tells of those that it aggregates. */
export function withMetrics(catalog: Catalog): Catalog {
  // The catalog gives the same document until a kind comes or goes.
  const merged = new WeakMap<Document, Document>();
  return {
    ...catalog,
    discoveryDocument(path, accept, definitions) {
      const own = catalog.discoveryDocument(path, accept, definitions);
      const added = discovery[path];
      if (!own || !added) return own ?? added?.legacy;
      return join(own, (own.kind === added.aggregated?.kind && added.aggregated) || added.legacy);
    },
    openapiDocument(path, definitions) {
      const own = catalog.openapiDocument(path, definitions);
      const added = openapi[path.replace(/\/+$/, '')];
      if (!own || !added) return own ?? (added && withEtag(added));
      const document = merged.get(own) ?? withEtag(join(own.body, added));
      merged.set(own, document);
      return document;
    },
  };
}

/** What lists and maps both have becomes one; of the rest `own` is kept. */
function join(own: JsonObject, added: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(own).map(([field, value]) => [field, joinValues(value, added[field])]));
}

function joinValues(own: JsonValue, added: JsonValue | undefined): JsonValue {
  if (Array.isArray(own) && Array.isArray(added)) return [...own, ...added];
  return isJsonObject(own) && isJsonObject(added) ? { ...added, ...own } : own;
}
