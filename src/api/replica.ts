import type { Pod } from 'kubernetes-types/core/v1.js';
import { z } from 'zod';
import { defaultHttpPort, defaultManagementPort, httpPortName, managementPortName } from '../core/agent-contract.ts';
import { annotations } from './resources.ts';

/** Where a replica listens. */
export type ReplicaEndpoint = { readonly host: string; readonly httpPort: number; readonly managementPort: number };

const port = z.int().min(1).max(65_535);
const ports = z.object({ http: port, management: port });

/** Where the replica of this pod listens, or undefined while it has no address. */
export function replicaEndpoint(pod: Pod): ReplicaEndpoint | undefined {
  const host = pod.status?.podIP;
  if (!host) return undefined;
  const told = pod.metadata?.annotations?.[annotations.ports];
  if (told !== undefined) {
    const parsed = parsePorts(told);
    return parsed && { host, httpPort: parsed.http, managementPort: parsed.management };
  }
  const declared = pod.spec?.containers.flatMap((container) => container.ports ?? []) ?? [];
  const numberOf = (name: string, otherwise: number) => declared.find((entry) => entry.name === name)?.containerPort ?? otherwise;
  return {
    host,
    httpPort: numberOf(httpPortName, defaultHttpPort),
    managementPort: numberOf(managementPortName, defaultManagementPort),
  };
}

/** Names of the adapters that this replica has loaded once it is ready: those of its revision. */
export function replicaAdapters(pod: Pod): readonly string[] {
  return pod.metadata?.annotations?.[annotations.adapters]?.split(',') ?? [];
}

/** Whether the replica may get new requests: its Ready condition is true and it is not on its way out. */
export function isReplicaReady(pod: Pod): boolean {
  return !isReplicaDraining(pod) && pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true;
}

/** Whether the replica is on its way out: being deleted, or marked to drain. */
export function isReplicaDraining(pod: Pod): boolean {
  return pod.metadata?.deletionTimestamp !== undefined || pod.metadata?.annotations?.[annotations.draining] === 'true';
}

function parsePorts(text: string): z.infer<typeof ports> | undefined {
  try {
    return ports.parse(JSON.parse(text));
  } catch {
    return undefined; // a half-written annotation is the same as none yet: the next change of the pod brings it again
  }
}
