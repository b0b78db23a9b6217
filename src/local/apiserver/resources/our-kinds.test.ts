import { expect, test } from 'vitest';
import { customResourceDefinitions } from '../../../api/crd/definitions.ts';
import { validationExamples } from '../../../api/testing/validation-examples.ts';
import type { JsonObject } from '../../../core/json.ts';
import { definitionsFromCrd } from './custom.ts';

const kinds = Object.values(customResourceDefinitions()).flatMap((crd) => definitionsFromCrd(crd));

/** What the embedded server has against an object: one line for each field. */
function complaints(object: JsonObject, old: JsonObject | undefined): string {
  const kind = kinds.find((one) => one.kind === object.kind);
  if (!kind) throw new Error(`no kind ${object.kind}`);
  const before = old && kind.admit({ operation: 'CREATE', object: old, fieldValidation: 'Strict' }).object;
  const request = before ? ({ operation: 'UPDATE', old: before } as const) : ({ operation: 'CREATE' } as const);
  const { errors } = kind.admit({ ...request, object, fieldValidation: 'Strict' });
  return errors.map(({ field, message }) => `${field}: ${message}`).join('\n');
}

test.each(validationExamples)('takes $what and nothing else, as a cluster does', ({ accepted, refused, before, field, message = '' }) => {
  expect(complaints(accepted, before)).toBe('');
  const found = complaints(refused, before);
  expect(found).toContain(field);
  expect(found).toContain(message);
  expect(found).not.toBe('');
});
