import { isJsonObject, type JsonObject } from '../../../core/json.ts';
import type { FieldError } from '../resource.ts';
import { labelValueProblems, qualifiedNameProblems } from './names.ts';
import { forbidden, invalid, required } from './paths.ts';

const totalAnnotationBytes = 256 * 1024;

/** Checks metadata as apimachinery's ValidateObjectMeta does. `nameProblems` is the rule of the kind for its names. */
export function metadataErrors(object: JsonObject, nameProblems: (name: string) => readonly string[], namespaced: boolean): FieldError[] {
  const metadata = object.metadata;
  if (!isJsonObject(metadata)) return [required('metadata')];
  const errors: FieldError[] = [];
  const { name, namespace, labels, annotations, finalizers } = metadata;
  if (typeof name !== 'string' || name === '') errors.push(required('metadata.name', 'name or generateName is required'));
  else errors.push(...nameProblems(name).map((problem) => invalid('metadata.name', name, problem)));
  if (!namespaced && typeof namespace === 'string' && namespace !== '')
    errors.push(forbidden('metadata.namespace', 'not allowed on this type'));
  if (isJsonObject(labels)) {
    for (const [key, value] of Object.entries(labels)) {
      errors.push(...qualifiedNameProblems(key).map((problem) => invalid('metadata.labels', key, problem)));
      if (typeof value === 'string') errors.push(...labelValueProblems(value).map((problem) => invalid('metadata.labels', value, problem)));
    }
  }
  if (isJsonObject(annotations)) {
    let bytes = 0;
    for (const [key, value] of Object.entries(annotations)) {
      // Annotation keys are compared without regard to case.
      errors.push(...qualifiedNameProblems(key.toLowerCase()).map((problem) => invalid('metadata.annotations', key, problem)));
      bytes += Buffer.byteLength(key) + (typeof value === 'string' ? Buffer.byteLength(value) : 0);
    }
    if (bytes > totalAnnotationBytes) {
      errors.push({
        field: 'metadata.annotations',
        reason: 'FieldValueTooLong',
        message: `Too long: may not be more than ${totalAnnotationBytes} bytes`,
      });
    }
  }
  if (Array.isArray(finalizers)) {
    finalizers.forEach((each, index) => {
      if (typeof each !== 'string') return;
      errors.push(...qualifiedNameProblems(each).map((problem) => invalid(`metadata.finalizers[${index}]`, each, problem)));
    });
  }
  return errors;
}
