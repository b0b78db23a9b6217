import { isJsonObject, type JsonObject } from '../../core/json.ts';
import type { ApiContext, Call } from './context.ts';
import { metadataText } from './object.ts';
import type { ResourceDefinition } from './resource.ts';
import { statuses } from './status.ts';

const namespaces = { group: '', plural: 'namespaces', kind: 'Namespace' };

export function isNamespace(definition: ResourceDefinition): boolean {
  return definition.group === '' && definition.plural === 'namespaces';
}

/** A new namespace is held by the finalizer that the namespace controller takes off when it is empty. */
export function held(namespace: JsonObject): JsonObject {
  return { ...namespace, spec: { finalizers: ['kubernetes'] } };
}

/** Who holds a namespace changes through its `finalize` subresource only. */
export function keepHolders(current: JsonObject, proposed: JsonObject): JsonObject {
  return current.spec === undefined ? proposed : { ...proposed, spec: current.spec };
}

/** The namespace as one that is being deleted. */
export function terminating(namespace: JsonObject): JsonObject {
  const status = isJsonObject(namespace.status) ? namespace.status : {};
  return status.phase === 'Terminating' ? namespace : { ...namespace, status: { ...status, phase: 'Terminating' } };
}

/** Throws 404 when the namespace of a new object does not exist, and 403 when it is being deleted. */
export function requireNamespace(context: ApiContext, call: Call, name: string): void {
  const { definition, namespace } = call;
  if (!definition.namespaced) return;
  if (namespace === undefined) throw statuses.badRequest('an object of this kind is created in a namespace');
  const found = context.store.get('/namespaces', namespace);
  if (!found) throw statuses.notFound(namespaces, namespace);
  if (metadataText(found, 'deletionTimestamp') === undefined) return;
  throw statuses.forbidden(definition, name, `unable to create new content in namespace ${namespace} because it is being terminated`, [
    { reason: 'NamespaceTerminating', message: `namespace ${namespace} is being terminated`, field: 'metadata.namespace' },
  ]);
}
