import { createServer } from 'node:http';
import express from 'express';
import type { Registry } from 'prom-client';
import type { Runnable } from '../kube/index.ts';
import { aborted } from './stop-signal.ts';

export type OperationsServerOptions = {
  readonly host: string;
  readonly port: number;
  readonly registry: Registry;
  /** Whether the process may be relied on: 200 or 503 on `/readyz`. */
  readonly ready: () => boolean;
};

/** What operators ask of a process: `/metrics`, `/healthz` and `/readyz`. */
export function operationsServer(options: OperationsServerOptions): Runnable {
  const app = express().disable('x-powered-by');
  app.get('/healthz', (_, response) => void response.type('text').send('ok'));
  app.get(
    '/readyz',
    (_, response) => void (options.ready() ? response.type('text').send('ok') : response.status(503).type('text').send('starting')),
  );
  app.get('/metrics', async (_, response) => void response.type(options.registry.contentType).send(await options.registry.metrics()));
  const server = createServer(app);
  return {
    name: 'operations-server',
    ready: () =>
      new Promise((resolve) => {
        if (server.listening) resolve();
        else server.once('listening', () => resolve());
      }),
    async run(signal) {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject).listen(options.port, options.host, resolve);
      });
      await aborted(signal);
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
