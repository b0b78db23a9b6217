import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import type { ResourceDefinition, TableColumn } from './resource.ts';
import { ageOf } from './table-age.ts';

/** How much of each object goes with its row: nothing, its metadata, or all of it. */
export type IncludeObject = 'None' | 'Metadata' | 'Object';

const nameColumn: TableColumn = {
  name: 'Name',
  type: 'string',
  format: 'name',
  description: 'Name must be unique within a namespace.',
  priority: 0,
  cell: (object) => (isJsonObject(object.metadata) && typeof object.metadata.name === 'string' ? object.metadata.name : ''),
};

/** The name leads every table but that of events, which place it themselves. */
function columnsOf(definition: ResourceDefinition): readonly TableColumn[] {
  return definition.columns.some((column) => column.name === 'Name') ? definition.columns : [nameColumn, ...definition.columns];
}

function rowObject(object: JsonObject, include: IncludeObject): JsonObject | undefined {
  switch (include) {
    case 'None':
      return undefined;
    case 'Object':
      return object;
    case 'Metadata':
      return { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: object.metadata ?? {} };
  }
}

/**
 * Objects as a Table of meta.k8s.io/v1, which kubectl prints. `listMetadata` goes through (resourceVersion, continue); ages are told
 * against `now` (milliseconds since the epoch). Watch events carry a table of one row.
 */
export function toTable(
  definition: ResourceDefinition,
  objects: readonly JsonObject[],
  options: { readonly listMetadata?: JsonObject; readonly includeObject?: IncludeObject; readonly now?: number } = {},
): JsonObject {
  const { listMetadata = {}, includeObject = 'Metadata', now = Date.now() } = options;
  const columns = columnsOf(definition);
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata: listMetadata,
    columnDefinitions: columns.map(({ name, type, format, description, priority }) => ({
      name,
      type,
      format: format ?? '',
      description: description ?? '',
      priority,
    })),
    rows: objects.map((object) => {
      const cells: JsonValue[] = columns.map((column) => {
        const value = column.cell(object, now);
        return column.type === 'date' && value !== null ? ageOf(value, now) : value;
      });
      const row = rowObject(object, includeObject);
      return { cells, ...(row && { object: row }) };
    }),
  };
}
