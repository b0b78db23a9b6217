import type { Server } from 'node:http';
import type { Logger } from '../core/logger.ts';

/** Listens and resolves with the port; rejects with an error that says which address could not be had. */
export function listenOn(server: Server, host: string, port: number, logger: Logger): Promise<number> {
  return new Promise((resolve, reject) => {
    const onError = (cause: NodeJS.ErrnoException) => {
      const taken = `Port ${port} on ${host} is taken. Stop what uses it, or give another with --port.`;
      reject(new Error(cause.code === 'EADDRINUSE' ? taken : `Cannot listen on ${host}:${port}`, { cause }));
    };
    server.once('error', onError);
    server.listen({ host, port }, () => {
      server.off('error', onError);
      // For example too many open files: the connection is lost, the server is not.
      server.on('error', (error) => logger.error({ err: error }, 'a connection could not be accepted'));
      const address = server.address();
      resolve(typeof address === 'object' && address ? address.port : port);
    });
  });
}

/** The address as a client on this machine would write it. */
export function urlOf(host: string, port: number): string {
  if (host === '0.0.0.0' || host === '::') return `http://localhost:${port}`;
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}
