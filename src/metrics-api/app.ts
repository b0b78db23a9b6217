import express, { type Express, type NextFunction, type Request, type Response } from 'express';
import type { Clock } from '../core/clock.ts';
import type { JsonObject } from '../core/json.ts';
import type { Logger } from '../core/logger.ts';
import type { Authenticator } from './authenticator.ts';
import { customList } from './custom-list.ts';
import { discovery } from './discovery.ts';
import { externalList } from './external-list.ts';
import { failures, StatusFailure } from './failure.ts';
import { customMetrics, describedResource, externalMetrics, groupVersionOf } from './groups.ts';
import { aggregatedType, negotiate } from './negotiation.ts';
import type { ModelObjects } from './objects.ts';
import { openapiDocuments } from './openapi.ts';
import { chainOf } from './peer.ts';
import type { RequestMetrics } from './request-metrics.ts';
import type { Reviews } from './reviews.ts';
import type { MetricSource } from './source.ts';
import type { Access, User } from './user.ts';

export type AppOptions = {
  readonly authenticator: Pick<Authenticator, 'authenticate'>;
  readonly reviews: Pick<Reviews, 'mayRead'>;
  readonly source: MetricSource;
  readonly objects: ModelObjects;
  /** Nobody measures unless given. */
  readonly requests?: RequestMetrics | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
};

type Answer = (request: Request, user: User) => Promise<JsonObject> | JsonObject;

const jsonType = 'application/json';

/** The two APIs over HTTP. Probes are open to all, what the APIs are like to everybody who is known, values to whoever may read them. */
export function metricsApp({ authenticator, reviews, source, objects, requests, clock, logger }: AppOptions): Express {
  const app = express();
  app.disable('x-powered-by');
  app.set('query parser', 'simple');

  const identify = (request: Request) => authenticator.authenticate({ chain: chainOf(request), headers: request.headersDistinct });
  const serve = (path: string, answer: Answer) =>
    app.get(path, async (request, response) => {
      const user = await identify(request);
      negotiate(request.headers.accept, false);
      send(response, 200, await answer(request, user));
    });
  const permit = async (user: User, access: Access) => {
    const { allowed, reason } = await reviews.mayRead(user, access);
    if (!allowed) throw failures.forbidden(user.name, access, reason);
  };

  for (const path of ['/healthz', '/livez', '/readyz']) app.get(path, (_request, response) => void response.type('text/plain').send('ok'));
  if (requests) app.use(requests.middleware);
  app.use((request, _response, next) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') throw failures.methodNotAllowed();
    next();
  });
  for (const [path, { legacy, aggregated }] of Object.entries(discovery)) {
    app.get(path, async (request, response) => {
      await identify(request);
      const shape = negotiate(request.headers.accept, aggregated !== undefined);
      if (shape === 'aggregated' && aggregated) send(response, 200, aggregated, aggregatedType);
      else send(response, 200, legacy);
    });
  }
  for (const [path, document] of Object.entries(openapiDocuments())) serve(path, () => document);

  serve(`/apis/${groupVersionOf(externalMetrics)}/namespaces/:namespace/:metric`, async (request, user) => {
    const { group, version } = externalMetrics;
    const namespace = parameter(request, 'namespace');
    const resource = parameter(request, 'metric');
    await permit(user, { verb: 'list', group, version, namespace, resource });
    return externalList(source, { namespace, metric: resource, query: request.query }, clock.now());
  });

  serve(`/apis/${groupVersionOf(customMetrics)}/namespaces/:namespace/${describedResource}/:name/:metric`, async (request, user) => {
    const { group, version } = customMetrics;
    const namespace = parameter(request, 'namespace');
    const name = parameter(request, 'name');
    const subresource = parameter(request, 'metric');
    await permit(user, { verb: 'get', group, version, namespace, resource: describedResource, subresource, name });
    return customList(source, objects, { namespace, name, metric: subresource, query: request.query }, clock.now());
  });

  app.use(async (request: Request) => {
    await identify(request);
    throw failures.unknownPath();
  });
  app.use((error: unknown, request: Request, response: Response, _next: NextFunction) => {
    const failure = failureOf(error);
    const about = { err: error, code: failure.code, path: request.path };
    if (failure.code >= 500) logger.warn(about, 'a request for metrics failed');
    else logger.debug(about, 'a request for metrics was refused');
    // A certificate is judged when the connection is made: who comes again with another must come anew.
    if (failure.code === 401) response.setHeader('connection', 'close');
    send(response, failure.code, failure.toStatus());
  });
  return app;
}

function failureOf(error: unknown): StatusFailure {
  if (error instanceof StatusFailure) return error;
  // What the router says of a path that is not well encoded.
  if (error instanceof URIError) return failures.badRequest(error.message, error);
  return failures.internal(error);
}

function parameter(request: Request, name: string): string {
  const value = request.params[name];
  if (typeof value !== 'string') throw failures.unknownPath();
  return value;
}

/** As bytes: a media type with parameters is written as it stands. */
function send(response: Response, code: number, body: JsonObject, type: string = jsonType): void {
  response.status(code).setHeader('content-type', type);
  response.setHeader('cache-control', 'no-cache, private');
  response.send(Buffer.from(JSON.stringify(body)));
}
