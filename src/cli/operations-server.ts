import { type Operations, serveOperations } from '../core/operations-server.ts';
import type { Runnable } from '../kube/index.ts';
import { aborted } from './stop-signal.ts';

export type OperationsServerOptions = Operations & { readonly host: string; readonly port: number };

/** The operations server as a part of a Manager: up first, down last. */
export function operationsServer({ host, port, ...operations }: OperationsServerOptions): Runnable {
  const listening = Promise.withResolvers<void>();
  return {
    name: 'operations-server',
    ready: () => listening.promise,
    async run(signal) {
      const server = await serveOperations({ host, port, flag: '--port' }, operations);
      operations.logger.info({ port: server.port }, 'the operations server listens');
      listening.resolve();
      await aborted(signal);
      await server.close();
    },
  };
}
