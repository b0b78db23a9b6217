import type { IncomingMessage } from 'node:http';
import { StatusFailure } from '../../../metrics-api/failure.ts';
import type { ApiContext, Reply } from '../context.ts';
import { StatusError, statuses } from '../status.ts';

const path = /^\/apis\/external\.metrics\.k8s\.io\/v1beta1\/namespaces\/([a-z0-9-]+)\/([a-z0-9._-]+)$/i;

/** Answers what an aggregated API answers in a cluster: the values of a metric. Undefined for other paths, and while nobody has values. */
export function externalMetrics({ externalMetrics: read }: ApiContext, request: IncomingMessage, url: URL): Reply | undefined {
  const [, namespace, metric] = path.exec(url.pathname) ?? [];
  if (!read || namespace === undefined || metric === undefined) return undefined;
  if (request.method !== 'GET' && request.method !== 'HEAD') throw statuses.methodNotAllowed();
  const labelSelector = url.searchParams.get('labelSelector') ?? '';
  try {
    return { code: 200, body: JSON.stringify(read({ namespace, metric, query: { labelSelector } })) };
  } catch (error) {
    if (error instanceof StatusFailure) throw new StatusError(error.code, error.reason, error.message, {}, { cause: error });
    throw error;
  }
}
