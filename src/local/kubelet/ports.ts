import { createServer, type Server } from 'node:net';
import type { Container, Pod } from 'kubernetes-types/core/v1.d.ts';
import { isJsonObject } from '../../core/json.ts';

/** Where a pod's declared ports really are on this machine, by port name (or number when it has none). */
export type PortMap = Readonly<Record<string, number>>;

export const portsAnnotation = 'modelfleet.dev/ports';

const host = '127.0.0.1';

/** The key of a container port in a PortMap. */
function portKey(port: { name?: string; containerPort: number }): string {
  return port.name ?? String(port.containerPort);
}

/** The ports that the pod was given before; empty when the annotation is absent or not ours. */
export function annotatedPorts(pod: Pod): PortMap {
  const text = pod.metadata?.annotations?.[portsAnnotation];
  if (text === undefined) return {};
  try {
    const value: unknown = JSON.parse(text);
    if (!isJsonObject(value)) return {};
    return Object.fromEntries(Object.entries(value).filter((entry): entry is [string, number] => typeof entry[1] === 'number'));
  } catch {
    return {}; // written by someone else: allocated anew
  }
}

/** Gives pods free ports of the loopback interface, never the same to two pods. */
export class PortAllocator {
  private readonly owners = new Map<number, string>();

  /** A port for each that the container declares: the ones its pod `had` where they still can be bound, a `hostPort` as asked, else free ones. */
  async allocate(owner: string, container: Container, had: PortMap): Promise<PortMap> {
    const held: Server[] = [];
    try {
      const entries: [string, number][] = [];
      for (const port of container.ports ?? []) {
        const key = portKey(port);
        entries.push([key, port.hostPort ?? (await this.bindable(had[key], owner, held)) ?? (await this.free(owner, held))]);
      }
      for (const [, number] of entries) this.owners.set(number, owner);
      return Object.fromEntries(entries);
    } finally {
      await Promise.all(held.map((server) => new Promise((resolve) => server.close(resolve))));
    }
  }

  release(owner: string): void {
    for (const [port, holder] of this.owners) if (holder === owner) this.owners.delete(port);
  }

  private async bindable(port: number | undefined, owner: string, held: Server[]): Promise<number | undefined> {
    if (port === undefined || (this.owners.get(port) ?? owner) !== owner) return undefined;
    const server = await listen(port).catch(() => undefined); // taken by another program since
    if (server) held.push(server);
    return server && port;
  }

  private async free(owner: string, held: Server[]): Promise<number> {
    for (;;) {
      const server = await listen(0);
      held.push(server); // held until all are found, so that none is found twice
      const address = server.address();
      if (address === null || typeof address === 'string') throw new Error(`Listening on ${host} gave no port.`);
      if ((this.owners.get(address.port) ?? owner) === owner) return address.port;
    }
  }
}

function listen(port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ port, host, exclusive: true }, () => resolve(server));
  });
}
