import { deniedRequests } from '../../../cluster/audit.ts';
import { kube, kubeconfig, ours, read } from './kube.ts';
import { system } from './release.ts';

// Who acts at the instant when somebody deletes a namespace is answered 403 too, whatever his rights.
const raceWithDeletion = 'because it is being terminated';
/** How the API server words a missing right. */
const lackOfRight = 'is forbidden: User';

/** A place in the audit log: what comes after it can be asked for. */
export async function now(): Promise<number> {
  return ours ? (await deniedRequests({ kubeconfig })).length : 0;
}

/**
 * The requests of the product's service accounts that were forbidden: all since a place in the audit log, where the
 * cluster is ours; and everywhere those that the running controllers and gateways complain of themselves.
 */
export async function denials(since: number): Promise<readonly string[]> {
  return [...(await inAuditLog(since)), ...(await inOwnLogs())];
}

async function inAuditLog(since: number): Promise<readonly string[]> {
  if (!ours) return [];
  return (await deniedRequests({ kubeconfig }))
    .slice(since)
    .filter(({ user, message }) => user.startsWith(`system:serviceaccount:${system}:`) && !message.includes(raceWithDeletion))
    .map(({ user, verb, uri, message }) => `${user} ${verb} ${uri}: ${message}`);
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
