import { nodeAwaySince, type Signals } from './signals.ts';

/** What a node may take to end a pod beyond its grace: unmounting, a late clock. */
const marginMs = 60_000;

/**
 * Whether nobody need wait for this pod any more: it is being deleted, and its node is gone, does not answer,
 * or has not ended it within its grace. Its deletionTimestamp is the end of that.
 */
export function isLost(signals: Pick<Signals, 'pod' | 'node' | 'now'>): boolean {
  const { pod, node, now } = signals;
  const { deletionTimestamp } = pod.metadata;
  if (deletionTimestamp === undefined) return false;
  if (now - Date.parse(deletionTimestamp) > marginMs) return true;
  if (!pod.spec?.nodeName) return false;
  const awaySince = nodeAwaySince(signals);
  return node === undefined || (awaySince !== undefined && now - awaySince > marginMs);
}
