import { createReadStream, existsSync, statSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { inject } from 'vitest';
import { system } from './release.ts';

const auditLog = inject('auditLog');

type AuditEvent = {
  readonly user?: { readonly username?: string };
  readonly verb: string;
  readonly requestURI: string;
  readonly responseStatus?: { readonly code?: number; readonly message?: string };
};

/** A place in the audit log: what comes after it can be asked for. */
export function now(): number {
  return auditLog !== '' && existsSync(auditLog) ? statSync(auditLog).size : 0;
}

// Who acts at the instant when somebody deletes a namespace is answered 403 too, whatever his rights.
const raceWithDeletion = 'because it is being terminated';

/** The requests of the product's service accounts that were forbidden since a place in the log. Empty where the log cannot be read. */
export async function denials(since: number): Promise<readonly string[]> {
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
