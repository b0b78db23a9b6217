import { isJsonObject, type JsonValue } from '../../../core/json.ts';
import type { FieldError } from '../resource.ts';

const identifier = /^[A-Za-z_$][A-Za-z0-9_$-]*$/;

/** The path of a named field below `path`, as Kubernetes prints it. */
export function fieldPath(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}

/** The path of a map entry below `path`: `spec.labels[app.kubernetes.io/name]`. */
export function keyPath(path: string, key: string): string {
  return `${path}[${key}]`;
}

export function indexPath(path: string, index: number): string {
  return `${path}[${index}]`;
}

/** How `kubectl` shows a path in "unknown field" messages, where map keys are fields too. */
export function entryPath(path: string, key: string): string {
  return identifier.test(key) ? fieldPath(path, key) : keyPath(path, key);
}

export function show(value: JsonValue | undefined): string {
  if (value === undefined) return 'null';
  return JSON.stringify(value);
}

export function invalid(field: string, value: JsonValue | undefined, detail: string): FieldError {
  // field.OmitValueType of apimachinery: whole objects and lists are not repeated in a message.
  const shown = isJsonObject(value) || Array.isArray(value) ? '' : `${show(value)}: `;
  return { field, reason: 'FieldValueInvalid', message: `Invalid value: ${shown}${detail}` };
}

export function required(field: string, detail?: string): FieldError {
  return { field, reason: 'FieldValueRequired', message: detail === undefined ? 'Required value' : `Required value: ${detail}` };
}

export function forbidden(field: string, detail: string): FieldError {
  return { field, reason: 'FieldValueForbidden', message: `Forbidden: ${detail}` };
}

export function duplicate(field: string, value: JsonValue): FieldError {
  return { field, reason: 'FieldValueDuplicate', message: `Duplicate value: ${show(value)}` };
}

export function unsupported(field: string, value: JsonValue | undefined, supported: readonly JsonValue[]): FieldError {
  const list = supported.map((each) => show(each)).join(', ');
  return { field, reason: 'FieldValueNotSupported', message: `Unsupported value: ${show(value)}: supported values: ${list}` };
}
