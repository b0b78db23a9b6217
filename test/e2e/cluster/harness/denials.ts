import { createReadStream, existsSync, statSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { inject } from 'vitest';
import { kube, read } from './kube.ts';
import { system } from './release.ts';

const auditLog = inject('auditLog');

type AuditEvent = {
  readonly user?: { readonly username?: string };
  readonly verb: string;
  readonly requestURI: string;
  readonly responseStatus?: { readonly code?: number; readonly message?: string };
};

// Who acts at the instant when somebody deletes a namespace is answered 403 too, whatever his rights.
const raceWithDeletion = 'because it is being terminated';
/** How the API server words a missing right. */
const lackOfRight = 'is forbidden: User';

/** A place in the audit log: what comes after it can be asked for. */
export function now(): number {
  return auditLog !== '' && existsSync(auditLog) ? statSync(auditLog).size : 0;
}

/**
 * The requests of the product's service accounts that were forbidden: all since a place in the audit log, where the
 * cluster is ours; and everywhere those that the running controllers and gateways complain of themselves.
 */
export async function denials(since: number): Promise<readonly string[]> {
  return [...(await inAuditLog(since)), ...(await inOwnLogs())];
}

async function inAuditLog(since: number): Promise<readonly string[]> {
  if (auditLog === '' || !existsSync(auditLog)) return [];
  const found: string[] = [];
  for await (const line of createInterface({ input: createReadStream(auditLog, { start: since }) })) {
    if (line === '') continue;
    const { user, verb, requestURI, responseStatus } = JSON.parse(line) as AuditEvent;
    if (responseStatus?.code !== 403 || !user?.username?.startsWith(`system:serviceaccount:${system}:`)) continue;
    if (responseStatus.message?.includes(raceWithDeletion)) continue;
    found.push(`${user.username} ${verb} ${requestURI}: ${responseStatus.message ?? ''}`);
  }
  return found;
}

async function inOwnLogs(): Promise<readonly string[]> {
  const { items } = await read<{ items: { metadata: { name: string } }[] }>(
    'pods',
    '-n',
    system,
    '-l',
    'app.kubernetes.io/name=modelfleet',
  );
  const logs = await Promise.all(items.map(({ metadata }) => kube(['logs', '-n', system, metadata.name, '--all-containers'])));
  return logs.flatMap((log) => log.split('\n').filter((line) => line.includes(lackOfRight)));
}
