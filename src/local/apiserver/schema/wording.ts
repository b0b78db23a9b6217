import type { ErrorObject } from 'ajv';
import { isJsonObject, type JsonValue } from '../../../core/json.ts';
import type { FieldError } from '../resource.ts';
import { fieldPath, required, show, unsupported } from './paths.ts';

function asList(value: JsonValue | undefined): JsonValue[] {
  return Array.isArray(value) ? value : [];
}

function typeName(value: JsonValue): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return typeof value;
}

/** Words a failed keyword of ajv as k8s.io/kube-openapi/pkg/validation/errors and apiextensions do. */
export function wordSchemaError(error: ErrorObject, path: string): FieldError {
  const value = error.data as JsonValue;
  const parameters: Readonly<Record<string, JsonValue>> = error.params;
  const field = path || '<nil>';
  const invalidValue = (shown: JsonValue, detail: string): FieldError => ({
    field,
    reason: 'FieldValueInvalid',
    message: `Invalid value: ${show(shown)}: ${path} in body ${detail}`,
  });
  const tooMany = (size: number, limit: JsonValue | undefined): FieldError => ({
    field,
    reason: 'FieldValueTooMany',
    message: `Too many: ${size}: must have at most ${show(limit)} items`,
  });
  const limit = parameters.limit;
  switch (error.keyword) {
    case 'required':
      return required(fieldPath(path, String(parameters.missingProperty)));
    case 'type': {
      const name = typeName(value);
      const wanted = asList(parameters.type).length > 0 ? asList(parameters.type) : [parameters.type ?? null];
      const types = wanted.filter((type) => type !== 'null').join(',');
      return {
        field,
        reason: 'FieldValueTypeInvalid',
        message: `Invalid value: ${show(name)}: ${path} in body must be of type ${types}: ${show(name)}`,
      };
    }
    case 'enum':
      return unsupported(
        field,
        value,
        asList(parameters.allowedValues).filter((each) => each !== null),
      );
    case 'minimum':
      return invalidValue(value, `should be greater than or equal to ${show(limit)}`);
    case 'exclusiveMinimum':
      return invalidValue(value, `should be greater than ${show(limit)}`);
    case 'maximum':
      return invalidValue(value, `should be less than or equal to ${show(limit)}`);
    case 'exclusiveMaximum':
      return invalidValue(value, `should be less than ${show(limit)}`);
    case 'multipleOf':
      return invalidValue(value, `should be a multiple of ${show(parameters.multipleOf)}`);
    case 'minLength':
      return invalidValue(value, `should be at least ${show(limit)} chars long`);
    case 'maxLength':
      return { field, reason: 'FieldValueTooLong', message: `Too long: may not be more than ${show(limit)} bytes` };
    case 'pattern':
      return invalidValue(value, `should match '${String(parameters.pattern)}'`);
    case 'format':
      return invalidValue(value, `must be of type ${String(parameters.format)}: ${show(value)}`);
    case 'minItems':
      return invalidValue(asList(value).length, `should have at least ${show(limit)} items`);
    case 'maxItems':
      return tooMany(asList(value).length, limit);
    case 'uniqueItems':
      return { field, reason: 'FieldValueInvalid', message: `Invalid value: ${path} in body shouldn't contain duplicates` };
    case 'minProperties':
      return invalidValue(Object.keys(isJsonObject(value) ? value : {}).length, `should have at least ${show(limit)} properties`);
    case 'maxProperties':
      return tooMany(Object.keys(isJsonObject(value) ? value : {}).length, limit);
    case 'anyOf':
      return composition(field, path, 'must validate at least one schema (anyOf)');
    case 'oneOf':
      return composition(field, path, 'must validate one and only one schema (oneOf)');
    case 'not':
      return composition(field, path, 'must not validate the schema (not)');
    default:
      return composition(field, path, `is invalid (${error.keyword})`);
  }
}

function composition(field: string, path: string, detail: string): FieldError {
  return { field, reason: 'FieldValueInvalid', message: `Invalid value: ${path === '' ? '"" ' : `${path} in body `}${detail}` };
}
