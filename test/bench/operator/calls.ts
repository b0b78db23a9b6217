import { accessOf, askApi } from '../../cluster/admin-api.ts';
import type { Testbed } from './testbed.ts';

/** Which requests are meant, as the API server counts them: `PATCH` and `modeldeployments/status`. */
export type Kind = { readonly verb: string; readonly resource: string };

/** How often what was asked of the API server so far, by `verb resource/subresource` (apiserver_request_total). */
export async function countRequests({ cluster }: Testbed, isMeant: (kind: Kind) => boolean): Promise<ReadonlyMap<string, number>> {
  const metrics = await askApi(await accessOf(cluster.kubeconfig), 'GET', '/metrics');
  const counts = new Map<string, number>();
  for (const line of metrics.split('\n')) {
    if (!line.startsWith('apiserver_request_total{')) continue;
    const label = (name: string) => new RegExp(`[{,]${name}="([^"]*)"`).exec(line)?.[1] ?? '';
    const kind = { verb: label('verb'), resource: [label('resource'), label('subresource')].filter(Boolean).join('/') };
    if (!isMeant(kind)) continue;
    const name = `${kind.verb} ${kind.resource}`;
    counts.set(name, (counts.get(name) ?? 0) + Number(line.slice(line.lastIndexOf(' '))));
  }
  return counts;
}

/** What was asked since `before`, most first. */
export function since(before: ReadonlyMap<string, number>, now: ReadonlyMap<string, number>): Readonly<Record<string, number>> {
  const more = [...now].map(([kind, count]) => [kind, count - (before.get(kind) ?? 0)] as const).filter(([, count]) => count > 0);
  return Object.fromEntries(more.sort(([, a], [, b]) => b - a));
}

const reads = ['GET', 'LIST', 'WATCH', 'CONNECT'];

/** Writes: whatever is no read. */
export function isWrite({ verb }: Kind): boolean {
  return !reads.includes(verb);
}
