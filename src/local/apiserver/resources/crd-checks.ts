import type { JsonObject } from '../../../core/json.ts';
import type { FieldError } from '../resource.ts';

/** What a real API server refuses in a CustomResourceDefinition. */
export function crdErrors(_crd: JsonObject): FieldError[] {
  return [];
}
