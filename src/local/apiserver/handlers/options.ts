import { isJsonObject, type JsonObject } from '../../../core/json.ts';
import type { Writer } from '../apply/field-managers.ts';
import type { ManagerId } from '../apply/managers.ts';
import type { ApiContext, Call } from '../context.ts';
import { apiVersionOf } from '../registry.ts';
import type { AdmitRequest } from '../resource.ts';
import { statuses } from '../status.ts';

/** The options that every write takes. */
export type WriteOptions = { readonly dryRun: boolean; readonly fieldValidation: AdmitRequest['fieldValidation'] };

export function writeOptions(query: URLSearchParams): WriteOptions {
  const fieldValidation = query.get('fieldValidation') || 'Warn';
  if (fieldValidation !== 'Strict' && fieldValidation !== 'Warn' && fieldValidation !== 'Ignore') {
    throw statuses.badRequest(
      `fieldValidation: Unsupported value: ${JSON.stringify(fieldValidation)}: supported values: "Ignore", "Strict", "Warn"`,
    );
  }
  return { dryRun: isDryRun(query.getAll('dryRun')), fieldValidation };
}

/** Whether `dryRun` asks for nothing to be stored. Throws 400 for values other than `All`. */
export function isDryRun(values: readonly string[]): boolean {
  const wrong = values.find((value) => value !== 'All' && value !== '');
  if (wrong !== undefined) throw statuses.badRequest(`dryRun: Unsupported value: ${JSON.stringify(wrong)}: supported values: "All"`);
  return values.includes('All');
}

/** Who writes: the `fieldManager` of the request, else the first word of its user agent. */
export function writerOf(context: ApiContext, call: Call, operation: ManagerId['operation']): Writer {
  const given = call.query.get('fieldManager') ?? '';
  if (given.length > 128) throw statuses.badRequest('fieldManager: Too long: may not be more than 128 bytes');
  if (given === '' && operation === 'Apply') {
    throw statuses.invalid({ group: 'meta.k8s.io', plural: '', kind: 'PatchOptions' }, '', [
      { field: 'fieldManager', reason: 'FieldValueRequired', message: 'Required value: is required for apply patch' },
    ]);
  }
  const agent = (call.request.headers['user-agent'] ?? '').split('/')[0]?.slice(0, 128) || 'unknown';
  const id: ManagerId = {
    manager: given || agent,
    operation,
    apiVersion: apiVersionOf(call.definition),
    subresource: call.subresource,
  };
  return { id, now: timestamp(context.clock.now()), definition: call.definition };
}

/** A metav1.Time: RFC 3339 in whole seconds. */
export function timestamp(instant: number): string {
  return `${new Date(instant).toISOString().slice(0, 19)}Z`;
}

/** Checks that a body is the kind, name and namespace that the path names. Throws 400. */
export function checkIdentity(call: Call, object: JsonObject): void {
  const { definition } = call;
  const apiVersion = apiVersionOf(definition);
  if (object.kind !== definition.kind || object.apiVersion !== apiVersion) {
    throw statuses.badRequest(
      `${definition.kind} in version ${JSON.stringify(definition.version)} cannot be handled as a ${definition.kind}: the object provided is ${JSON.stringify(object.kind ?? '')} of ${JSON.stringify(object.apiVersion ?? '')}, expected ${JSON.stringify(definition.kind)} of ${JSON.stringify(apiVersion)}`,
    );
  }
  const metadata = object.metadata ?? {};
  if (!isJsonObject(metadata)) throw statuses.badRequest('metadata must be an object');
  if (call.name !== undefined && metadata.name !== undefined && metadata.name !== '' && metadata.name !== call.name) {
    throw statuses.badRequest(`the name of the object (${metadata.name}) does not match the name on the URL (${call.name})`);
  }
  const { namespace } = metadata;
  if (namespace !== undefined && namespace !== '' && definition.namespaced && namespace !== call.namespace) {
    throw statuses.badRequest('the namespace of the provided object does not match the namespace sent on the request');
  }
}
