import type { Server } from 'node:net';
import type { Logger } from './logger.ts';

/** Where to listen, and which flag of the program says so. Port 0 takes a free one. */
export type ListenAddress = { readonly host: string; readonly port: number; readonly flag: string };

/**
 * Connections that may wait to be accepted, as many as Linux allows unless told. With Node's 511 the callers beyond them, when more come at
 * once, try again after a second or three.
 */
const backlog = 4_096;

/** Listens and resolves with the port; rejects with an error that says which address could not be had, and which flag gives another. */
export function listenOn(server: Server, { host, port, flag }: ListenAddress, logger: Logger): Promise<number> {
  return new Promise((resolve, reject) => {
    const onError = (cause: NodeJS.ErrnoException) => {
      const taken = `Port ${port} on ${host} is taken. Stop what uses it, or give another with ${flag}.`;
      reject(new Error(cause.code === 'EADDRINUSE' ? taken : `Cannot listen on ${host}:${port}`, { cause }));
    };
    server.once('error', onError);
    server.listen({ host, port, backlog }, () => {
      server.off('error', onError);
      // For example too many open files: the connection is lost, the server is not.
      server.on('error', (error) => logger.error({ err: error }, 'a connection could not be accepted'));
      const address = server.address();
      resolve(typeof address === 'object' && address ? address.port : port);
    });
  });
}

/** The address as a client on this machine would write it. */
export function urlOf(host: string, port: number, scheme: 'http' | 'https' = 'http'): string {
  const name = host === '0.0.0.0' || host === '::' ? 'localhost' : host.includes(':') ? `[${host}]` : host;
  return `${scheme}://${name}:${port}`;
}
