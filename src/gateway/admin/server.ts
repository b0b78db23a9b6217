import { createServer } from 'node:http';
import { hostname } from 'node:os';
import { systemClock } from '../../core/clock.ts';
import { listenOn } from '../../core/listen.ts';
import { TokenFile } from '../../core/token-file.ts';
import { StatsStream } from '../stats-stream.ts';
import { type AdminOptions, adminApp } from './app.ts';

/** Where the admin surface listens and who may ask. */
export type AdminAddress = {
  /** 0 takes a free port. */
  readonly port: number;
  /** A token a line; read again at each use. */
  readonly tokenFile: string;
  /** Begins the end of the gateway, as SIGTERM would. */
  readonly onDrain: () => void;
};

/** An admin surface that listens. */
export type AdminServer = { readonly port: number; close(): Promise<void> };

/** Serves the admin surface. Rejects when the tokens cannot be read or the address is taken. */
export async function serveAdmin(
  host: string,
  { port: asked, tokenFile, onDrain }: AdminAddress,
  shown: Omit<AdminOptions, 'tokens' | 'stats' | 'drain'>,
): Promise<AdminServer> {
  const { models, logger } = shown;
  const tokens = await TokenFile.open(tokenFile);
  const stats = new StatsStream({ models, tokens, gateway: hostname(), clock: systemClock, logger });
  const server = createServer(adminApp({ ...shown, tokens, stats, drain: onDrain }));
  const port = await listenOn(server, { host, port: asked, flag: '--admin-port' }, logger);
  return {
    port,
    close: () =>
      new Promise((resolve) => {
        stats.close();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
