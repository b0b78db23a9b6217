import type { IncomingMessage } from 'node:http';
import type { JsonObject } from '../../../core/json.ts';
import { StatusFailure } from '../../../metrics-api/failure.ts';
import { customMetrics, describedResource, externalMetrics, groupVersionOf } from '../../../metrics-api/groups.ts';
import { negotiate } from '../../../metrics-api/negotiation.ts';
import type { ApiContext, Reply, ServedMetrics } from '../context.ts';
import { parseResourcePath } from '../request-info.ts';
import { StatusError, statuses } from '../status.ts';

/** Answers what aggregated APIs answer in a cluster: the values of a metric. Undefined for other paths, and while nobody has values. */
export function metrics({ metrics: served }: ApiContext, request: IncomingMessage, url: URL): Reply | undefined {
  const read = served && readerOf(served, url);
  if (!read) return undefined;
  if (request.method !== 'GET' && request.method !== 'HEAD') throw statuses.methodNotAllowed();
  try {
    negotiate(request.headers.accept, false);
    return { code: 200, body: JSON.stringify(read()) };
  } catch (error) {
    if (error instanceof StatusFailure) throw new StatusError(error.code, error.reason, error.message, {}, { cause: error });
    throw error;
  }
}

function readerOf(served: ServedMetrics, { pathname, searchParams }: URL): (() => JsonObject) | undefined {
  const path = parseResourcePath(pathname);
  if (!path) return undefined;
  const { group, version, namespace, plural, name, subresource } = path;
  if (namespace === undefined) return undefined;
  const query = Object.fromEntries(searchParams);
  switch (`${group}/${version}`) {
    case groupVersionOf(externalMetrics):
      return name === undefined ? () => served.external({ namespace, metric: plural, query }) : undefined;
    case groupVersionOf(customMetrics): {
      if (plural !== describedResource || name === undefined || subresource === undefined) return undefined;
      return () => served.custom({ namespace, name, metric: subresource, query });
    }
    default:
      return undefined;
  }
}
