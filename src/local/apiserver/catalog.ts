import type { JsonObject } from '../../core/json.ts';
import type { ResourceDefinition } from './resource.ts';

/** What the server is told about kinds: which there are, and how they look in tables, discovery and OpenAPI. */
export type Catalog = {
  readonly builtin: readonly ResourceDefinition[];
  /** Throws when the CustomResourceDefinition cannot be served. */
  definitionsFromCrd(crd: JsonObject): readonly ResourceDefinition[];
  toTable(
    definition: ResourceDefinition,
    objects: readonly JsonObject[],
    options: { listMetadata?: JsonObject; includeObject: 'None' | 'Metadata' | 'Object'; now: number },
  ): JsonObject;
  discoveryDocument(path: string, accept: string | undefined, definitions: readonly ResourceDefinition[]): JsonObject | undefined;
  openapiDocument(path: string, definitions: readonly ResourceDefinition[]): { body: JsonObject; etag: string } | undefined;
};
