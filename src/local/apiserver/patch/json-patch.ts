import patcher from 'fast-json-patch';
import { isJsonObject, type JsonObject, type JsonValue } from '../../../core/json.ts';
import { cloneJson } from '../object.ts';
import { StatusError, statuses } from '../status.ts';

const operationsAtMost = 10_000;

/** Applies an RFC 6902 patch. Throws 400 for what is no patch, and 422 when an operation does not fit the object. */
export function applyJsonPatch(object: JsonObject, patch: JsonValue): JsonObject {
  if (!Array.isArray(patch)) throw statuses.badRequest('a JSON patch must be a list of operations');
  if (patch.length > operationsAtMost) {
    throw new StatusError(
      413,
      'RequestEntityTooLarge',
      `The allowed maximum operations in a JSON patch is ${operationsAtMost}, got ${patch.length}`,
    );
  }
  const operations = patch.map(checked);
  try {
    const result: unknown = patcher.applyPatch(cloneJson(object), operations, true).newDocument;
    if (isJsonObject(result)) return result;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    // The library's message repeats the whole document after its first line.
    throw new StatusError(
      422,
      'Invalid',
      `the server rejected our request due to an error in our request: ${error.message.split('\n')[0]}`,
      {},
      { cause: error },
    );
  }
  throw statuses.badRequest('the patched object is not an object');
}

type Operation = Parameters<typeof patcher.applyPatch>[1][number];

function checked(operation: JsonValue): Operation {
  if (isJsonObject(operation) && typeof operation.path === 'string') {
    const { op, path, value, from } = operation;
    if ((op === 'add' || op === 'replace' || op === 'test') && value !== undefined) return { op, path, value: cloneJson(value) };
    if (op === 'remove') return { op, path };
    if ((op === 'move' || op === 'copy') && typeof from === 'string') return { op, path, from };
  }
  throw statuses.badRequest(`not an operation of a JSON patch: ${JSON.stringify(operation)}`);
}
