import type { JsonObject } from '../../core/json.ts';
import type { ApiContext, Call } from './context.ts';
import { jsonText, metadataOf, metadataText } from './object.ts';
import { apiVersionOf } from './registry.ts';
import type { ResourceDefinition } from './resource.ts';

type Shown = Pick<Call, 'definition' | 'view'>;

/** The object in the version that was asked for: all versions of a resource store the same fields. */
export function inVersion(definition: ResourceDefinition, object: JsonObject): JsonObject {
  const apiVersion = apiVersionOf(definition);
  return object.apiVersion === apiVersion ? object : { ...object, apiVersion };
}

/** One object as JSON text, in the view that the client asked for. */
export function presentObject(context: ApiContext, { definition, view }: Shown, object: JsonObject): string {
  switch (view.as) {
    case 'object':
      return jsonText(inVersion(definition, object));
    case 'metadata':
      return JSON.stringify(metadataOnly(object));
    case 'table':
      return JSON.stringify(
        tableOf(context, { definition, view }, [object], { resourceVersion: metadataText(object, 'resourceVersion') ?? '' }),
      );
  }
}

/** A list as JSON text, in the view that the client asked for. */
export function presentList(
  context: ApiContext,
  { definition, view }: Shown,
  objects: readonly JsonObject[],
  metadata: JsonObject,
): string {
  switch (view.as) {
    case 'object':
      return `{"kind":${JSON.stringify(definition.listKind)},"apiVersion":${JSON.stringify(apiVersionOf(definition))},"metadata":${JSON.stringify(
        metadata,
      )},"items":[${objects.map((object) => jsonText(inVersion(definition, object))).join(',')}]}`;
    case 'metadata':
      return JSON.stringify({
        kind: 'PartialObjectMetadataList',
        apiVersion: 'meta.k8s.io/v1',
        metadata,
        items: objects.map(metadataOnly),
      });
    case 'table':
      return JSON.stringify(tableOf(context, { definition, view }, objects, metadata));
  }
}

/** The text of a watch event's object: as {@link presentObject}, but a table names its columns only the first time. */
export function presentEvent(context: ApiContext, shown: Shown, object: JsonObject, first: boolean): string {
  if (shown.view.as !== 'table' || first) return presentObject(context, shown, object);
  const table = tableOf(context, shown, [object], { resourceVersion: metadataText(object, 'resourceVersion') ?? '' });
  return JSON.stringify({ ...table, columnDefinitions: [] });
}

function metadataOnly(object: JsonObject): JsonObject {
  return { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: metadataOf(object) };
}

function tableOf(context: ApiContext, { definition, view }: Shown, objects: readonly JsonObject[], listMetadata: JsonObject): JsonObject {
  const includeObject = view.as === 'table' ? view.includeObject : 'Metadata';
  const versioned = objects.map((object) => inVersion(definition, object));
  return context.catalog.toTable(definition, versioned, { listMetadata, includeObject, now: context.clock.now() });
}
