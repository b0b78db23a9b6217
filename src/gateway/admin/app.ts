import express, { type Express, type NextFunction, type Request, type Response } from 'express';
import type { Logger } from '../../core/logger.ts';
import type { TokenFile } from '../../core/token-file.ts';
import type { LimitStore } from '../limits/store.ts';
import type { Models } from '../models.ts';
import type { Keys } from '../ports.ts';
import type { StatsStream } from '../stats-stream.ts';
import { keyViews, limitViews, queueViews } from './views.ts';

/** What the admin surface tells of, and what it can do. */
export type AdminOptions = {
  readonly models: Pick<Models, 'all'>;
  readonly keys: Pick<Keys, 'uses'>;
  readonly limits: Pick<LimitStore, 'standing' | 'shared'>;
  readonly registry: { readonly contentType: string; metrics(): Promise<string> };
  readonly stats: Pick<StatsStream, 'answer'>;
  /** Who may ask; probes are open to all. */
  readonly tokens: Pick<TokenFile, 'accepts'>;
  /** Why the gateway cannot be relied on now; empty when it can. */
  readonly waitingFor: () => readonly string[];
  /** Begins the end of the gateway, as SIGTERM would. */
  readonly drain: () => void;
  readonly logger: Logger;
};

/** The surface for those who run the gateway, not for its callers. */
export function adminApp({ models, keys, limits, registry, stats, tokens, waitingFor, drain, logger }: AdminOptions): Express {
  const app = express();
  app.disable('x-powered-by');
  app.set('query parser', 'simple');

  app.get('/healthz', (_request, response) => void response.json({ status: 'ok' }));
  app.get('/readyz', (_request, response) => {
    const missing = waitingFor();
    response.status(missing.length === 0 ? 200 : 503).json({ status: missing.length === 0 ? 'ok' : 'waiting', waitingFor: missing });
  });
  app.use(async (request: Request, response: Response, next: NextFunction) => {
    const token = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
    if (token !== undefined && (await tokens.accepts(token))) next();
    else refuse(response.setHeader('www-authenticate', 'Bearer'), 401, 'Give a token of the file that --admin-token-file names.');
  });
  app.get('/metrics', async (_request, response) => void response.type(registry.contentType).send(await registry.metrics()));
  app.get('/stats', (request, response) => stats.answer(request, response));
  app.get('/queues', (_request, response) => void response.json({ models: queueViews(models.all()) }));
  app.get('/limits', async (_request, response) => {
    const readings = await limits.standing();
    response.json({ countedBy: limits.shared ? 'all gateways' : 'this gateway', limits: limitViews(readings) });
  });
  app.get('/keys', (_request, response) => void response.json({ keys: keyViews(keys.uses()) }));
  app.post('/drain', (request, response) => {
    logger.warn({ from: request.socket.remoteAddress }, 'a drain is asked for');
    response.status(202).json({ status: 'draining' });
    drain();
  });
  app.use((request, response) => {
    refuse(
      response,
      404,
      `There is no ${request.method} here. Ask GET /healthz /readyz /metrics /stats /queues /limits /keys, or POST /drain.`,
    );
  });
  app.use((error: unknown, _request: Request, response: Response, next: NextFunction) => {
    logger.error({ err: error }, 'an admin request failed');
    if (response.headersSent) next(error);
    else refuse(response, 500, 'The request failed: the log says why.');
  });
  return app;
}

function refuse(response: Response, status: number, message: string): void {
  response.status(status).json({ error: { message } });
}
