import type { JsonObject } from '../../../core/json.ts';
import { cloneJson, nameOf } from '../object.ts';
import type { AdmitRequest, FieldError, ResourceDefinition } from '../resource.ts';
import { statuses } from '../status.ts';

/** Passes an object through its kind's admission. Throws 400 for unknown fields under Strict validation, 422 for what is invalid. */
export function admit(definition: ResourceDefinition, request: AdmitRequest): { object: JsonObject; warnings: readonly string[] } {
  const { object, errors, warnings } = definition.admit({ ...request, object: cloneJson(request.object) });
  if (errors.length > 0) refuse(definition, request.object, errors);
  return { object, warnings };
}

function refuse(definition: ResourceDefinition, object: JsonObject, errors: readonly FieldError[]): never {
  const unknown = errors.filter(({ reason }) => reason === 'FieldUnknown');
  if (unknown.length > 0) {
    const problems = unknown.map(({ message }) => message).join(', ');
    throw statuses.badRequest(
      `${definition.kind} in version ${JSON.stringify(definition.version)} cannot be handled as a ${definition.kind}: strict decoding error: ${problems}`,
    );
  }
  throw statuses.invalid(definition, nameOf(object), errors);
}
