import { createReadStream, existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { stringify } from 'yaml';

/** A request that the API server refused to one of its callers. */
export type DeniedRequest = { readonly user: string; readonly verb: string; readonly uri: string; readonly message: string };

/** A request as the API server noted it (audit.k8s.io/v1 Event, some of its fields). */
type AuditEvent = {
  readonly user?: { readonly username?: string };
  readonly verb: string;
  readonly requestURI: string;
  readonly objectRef?: { readonly resource?: string; readonly subresource?: string; readonly namespace?: string; readonly name?: string };
  readonly responseStatus?: { readonly code?: number; readonly message?: string };
  readonly requestReceivedTimestamp: string;
};

/**
 * What the API server notes: every request of a ServiceAccount that is not Kubernetes' own, with the answer's code. A policy cannot
 * choose by code (it is applied before there is one), so who wants the refused ones filters the log.
 */
export const auditPolicy = stringify({
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived', 'ResponseStarted'],
  rules: [
    { level: 'None', userGroups: ['system:serviceaccounts:kube-system'] },
    { level: 'Metadata', userGroups: ['system:serviceaccounts'] },
    { level: 'None' },
  ],
});

/** The audit log of a cluster of ours, by its kubeconfig. */
function auditLogOf(kubeconfig: string): string {
  return join(dirname(dirname(kubeconfig)), 'log', 'audit.log');
}

/** Every request that ServiceAccounts made and that has been answered, oldest first; a watch when it ends. */
async function* auditedRequests(cluster: { readonly kubeconfig: string }): AsyncGenerator<AuditEvent, void> {
  const path = auditLogOf(cluster.kubeconfig);
  if (!existsSync(path)) throw new Error(`${path} does not exist: only clusters that were started here write an audit log`);
  for await (const line of createInterface({ input: createReadStream(path) })) yield JSON.parse(line) as AuditEvent;
}

/** The requests that ServiceAccounts made and that were answered 403, oldest first. */
export async function deniedRequests(cluster: { readonly kubeconfig: string }): Promise<readonly DeniedRequest[]> {
  const denied: DeniedRequest[] = [];
  for await (const { user, verb, requestURI, responseStatus } of auditedRequests(cluster)) {
    if (responseStatus?.code !== 403) continue;
    denied.push({ user: user?.username ?? '', verb, uri: requestURI, message: responseStatus.message ?? '' });
  }
  return denied;
}
