import { annotations } from '../../src/api/resources.ts';
import type { Pod } from '../../src/kube/index.ts';

/** When a replica was marked to drain, milliseconds since the epoch; 0 when that is not told, undefined when it is not marked. */
export function drainingSince({ metadata: { annotations: told } }: Pod): number | undefined {
  return told?.[annotations.draining] === 'true' ? Date.parse(told[annotations.drainingSince] ?? '') || 0 : undefined;
}
