import { auditedRequests } from '../../cluster/audit.ts';
import { controllerUser, type Testbed } from './testbed.ts';

/** What the controller asked of the API server in a while, watches and its lease aside. */
export type Calls = {
  readonly reads: number;
  readonly writes: number;
  readonly lastWriteAt: number;
  /** `verb resource/subresource` -> how often, most first. */
  readonly byKind: Readonly<Record<string, number>>;
};

const readVerbs = ['get', 'list', 'watch'];

/** Counts the controller's requests in the API server's audit log, from one instant to another (milliseconds since the epoch). */
export async function countCalls({ cluster }: Testbed, from: number, to: number): Promise<Calls> {
  const byKind = new Map<string, number>();
  const counts = { reads: 0, writes: 0, lastWriteAt: 0 };
  for await (const { user, verb, objectRef, requestReceivedTimestamp } of auditedRequests(cluster)) {
    const at = Date.parse(requestReceivedTimestamp);
    if (user?.username !== controllerUser || at < from || at > to) continue;
    if (verb === 'watch' || objectRef?.resource === 'leases') continue;
    if (readVerbs.includes(verb)) counts.reads += 1;
    else {
      counts.writes += 1;
      counts.lastWriteAt = Math.max(counts.lastWriteAt, at);
    }
    const kind = `${verb} ${[objectRef?.resource, objectRef?.subresource].filter(Boolean).join('/')}`;
    byKind.set(kind, (byKind.get(kind) ?? 0) + 1);
  }
  return { ...counts, byKind: Object.fromEntries([...byKind].sort(([, a], [, b]) => b - a)) };
}
