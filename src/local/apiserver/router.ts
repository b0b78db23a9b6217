import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ApiContext, Call, Reply } from './context.ts';
import type { Verb } from './faults.ts';
import { create } from './handlers/create.ts';
import { remove, removeCollection } from './handlers/delete.ts';
import { finalize } from './handlers/finalize.ts';
import { log } from './handlers/log.ts';
import { metrics } from './handlers/metrics.ts';
import { patch } from './handlers/patch.ts';
import { get, list } from './handlers/read.ts';
import { review } from './handlers/reviews.ts';
import { scale } from './handlers/scale.ts';
import { update } from './handlers/update.ts';
import { negotiateView } from './negotiation.ts';
import { parseResourcePath, type ResourcePath } from './request-info.ts';
import type { ResourceDefinition } from './resource.ts';
import { statuses } from './status.ts';
import { watch } from './watch/watch.ts';

/** A request that was let in, and where to answer it. */
export type Exchange = {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
  /** Aborts when the client has gone or the server closes. */
  readonly signal: AbortSignal;
};

/** Answers a request of the API: a reply, or undefined when the handler streamed its answer itself. Throws a StatusError. */
export async function route(context: ApiContext, exchange: Exchange): Promise<Reply | undefined> {
  const { request, response, url, signal } = exchange;
  const reviewed = await review(url.pathname, request);
  if (reviewed) return reviewed;
  const values = metrics(context, request, url);
  if (values) return values;
  const path = parseResourcePath(url.pathname);
  const definition = path && context.registry.find(path.group, path.version, path.plural);
  if (!path || !definition) return describe(context, exchange);
  checkScope(definition, path);
  const verb = verbOf(request, path, url.searchParams);
  const target = { verb, resource: path.plural, ...pick(path, 'namespace'), ...pick(path, 'name'), ...pick(path, 'subresource') };
  const fault = context.faults.take(target);
  if (fault?.kind === 'fail') throw injected(fault.status, fault.retryAfterSeconds, definition, path.name ?? '');
  if (fault?.kind === 'slow') await context.clock.sleep(fault.ms, signal);
  if (fault?.kind === 'cut' && !fault.afterEffect) {
    response.destroy();
    return undefined;
  }
  const call: Call = {
    request,
    response,
    query: url.searchParams,
    verb,
    definition,
    namespace: path.namespace,
    name: path.name,
    subresource: path.subresource,
    view: negotiateView(path.subresource === 'log' ? undefined : request.headers.accept, url.searchParams.get('includeObject')),
    staleBy: fault?.kind === 'stale' ? fault.revisions : 0,
    signal,
  };
  const reply = await dispatch(context, call);
  if (fault?.kind === 'cut') {
    response.destroy();
    return undefined;
  }
  return reply;
}

async function dispatch(context: ApiContext, call: Call): Promise<Reply | undefined> {
  switch (call.subresource) {
    case undefined:
      break;
    case 'status':
      if (!call.definition.subresources.status) throw statuses.unknownPath();
      break;
    case 'scale':
      if (call.verb !== 'get' && call.verb !== 'update' && call.verb !== 'patch') throw statuses.methodNotAllowed();
      return scale(context, call);
    case 'log':
      if (!call.definition.subresources.log) throw statuses.unknownPath();
      if (call.verb !== 'get') throw statuses.methodNotAllowed();
      await log(context, call);
      return undefined;
    case 'finalize':
      if (call.definition.plural !== 'namespaces' || call.verb !== 'update') throw statuses.unknownPath();
      return finalize(context, call);
    default:
      throw statuses.unknownPath();
  }
  switch (call.verb) {
    case 'get':
      return get(context, call);
    case 'list':
      return list(context, call);
    case 'watch':
      await watch(context, call);
      return undefined;
    case 'create':
      return create(context, call);
    case 'update':
      return update(context, call);
    case 'patch':
      return patch(context, call);
    case 'delete':
      if (call.subresource !== undefined) throw statuses.methodNotAllowed();
      return remove(context, call);
    case 'deletecollection':
      return removeCollection(context, call);
  }
}

function describe(context: ApiContext, { request, response, url }: Exchange): Reply | undefined {
  if (request.method !== 'GET' && request.method !== 'HEAD') throw statuses.unknownPath();
  const path = url.pathname.replace(/(.)\/$/, '$1');
  const openapi = path.startsWith('/openapi/') ? context.catalog.openapiDocument(path, context.registry.all) : undefined;
  if (openapi) {
    response.setHeader('etag', openapi.etag);
    if (request.headers['if-none-match'] === openapi.etag) return { code: 304, body: '' };
    return { code: 200, body: JSON.stringify(openapi.body) };
  }
  const document = context.catalog.discoveryDocument(path, request.headers.accept, context.registry.all);
  if (!document) throw statuses.unknownPath();
  const aggregated = document.kind === 'APIGroupDiscoveryList';
  if (aggregated) response.setHeader('content-type', 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList');
  response.setHeader('vary', 'Accept');
  return { code: 200, body: JSON.stringify(document) };
}

function verbOf(request: IncomingMessage, path: ResourcePath, query: URLSearchParams): Verb {
  const named = path.name !== undefined;
  switch (request.method) {
    case 'GET':
    case 'HEAD':
      if (named) return 'get';
      return query.get('watch') === 'true' || query.get('watch') === '1' ? 'watch' : 'list';
    case 'POST':
      if (!named) return 'create';
      break;
    case 'PUT':
      if (named) return 'update';
      break;
    case 'PATCH':
      if (named) return 'patch';
      break;
    case 'DELETE':
      return named ? 'delete' : 'deletecollection';
  }
  throw statuses.methodNotAllowed();
}

function checkScope(definition: ResourceDefinition, path: ResourcePath): void {
  if (!definition.namespaced && path.namespace !== undefined) throw statuses.unknownPath();
  if (definition.namespaced && path.namespace === undefined && path.name !== undefined) throw statuses.unknownPath();
}

function injected(status: number, retryAfterSeconds: number | undefined, definition: ResourceDefinition, name: string): Error {
  switch (status) {
    case 409:
      return statuses.modified(definition, name);
    case 410:
      return statuses.gone('too old resource version (injected)');
    case 429:
      return statuses.tooManyRequests(retryAfterSeconds ?? 1);
    default:
      return statuses.internal('injected failure');
  }
}

function pick<T extends object, K extends keyof T>(object: T, field: K): { [P in K]?: NonNullable<T[K]> } {
  const value = object[field];
  return (value === undefined ? {} : { [field]: value }) as { [P in K]?: NonNullable<T[K]> };
}
