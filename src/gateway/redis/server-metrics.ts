import { Gauge, type Registry } from 'prom-client';

/** What has a connection to a server of its own, where that was asked for. */
type Connected = { readonly usable?: boolean } | undefined;

/** Tells whether the servers of answers and of usage records are there, where there should be one. */
export function exportServers(registry: Registry, responseCache: Connected, usageStream: Connected): void {
  const help = (what: string) => `1 while ${what}, 0 while its server is gone; absent without one.`;
  gauge(registry, 'modelfleet_gateway_cache_connected', help('answers are kept in a cache that all gateways share'), responseCache);
  gauge(registry, 'modelfleet_gateway_usage_stream_connected', help('usage records go to their stream'), usageStream);
}

function gauge(registry: Registry, name: string, help: string, server: Connected): void {
  new Gauge({
    name,
    help,
    registers: [registry],
    collect() {
      this.reset();
      if (server?.usable === undefined) this.remove();
      else this.set(server.usable ? 1 : 0);
    },
  });
}
