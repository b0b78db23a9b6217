import type { Replica } from './replica.ts';
import type { Observation, Trouble } from './status-observation.ts';
import { isBroken, type Tally } from './tally.ts';

/** Why replicas are not there, or what the worst of the current revision says if one is broken or cannot go on. */
export function troubleOf({ obstacle }: Pick<Observation, 'obstacle'>, count: Tally): Trouble | undefined {
  if (obstacle) return { reason: obstacle.reason, message: obstacle.message };
  return troublesOf(count)[0];
}

/** What every replica of the current revision says that fails, stalls or cannot go on, those that wait to be replaced last. */
export function troublesOf({ updated, gone }: Tally): readonly Trouble[] {
  const replicas = [...updated, ...gone];
  return [...inTrouble(updated), ...inTrouble(gone)].map((replica) => tellTrouble(replica, replicas));
}

/** The replicas that fail, stall or cannot go on, the broken ones first. */
export function inTrouble(replicas: readonly Replica[]): readonly Replica[] {
  const broken = replicas.filter(isBroken);
  const stuck = replicas.filter((replica) => !isBroken(replica) && !replica.ready && replica.reason !== undefined);
  return [...broken, ...stuck];
}

/** Which replica, on which node, its last words with the remedy, and for how many others it holds. */
export function tellTrouble(replica: Replica, among: readonly Replica[]): Trouble {
  const reason = replica.reason ?? replica.phase;
  const alike = inTrouble(among).filter((other) => other !== replica && (other.reason ?? other.phase) === reason).length;
  const others = alike === 0 ? '' : ` It is the same for ${alike} other ${alike === 1 ? 'replica' : 'replicas'}.`;
  return { reason, message: `${whereabouts(replica)}: ${sentence(replica.message ?? replica.phase)}${others}` };
}

/** `qwen-x7k2p on node-1` */
function whereabouts({ name, node }: Replica): string {
  return node === undefined ? name : `${name} on ${node}`;
}

/** What still serves, for whoever reads of trouble. */
export function stillServing({ ready, desired }: Tally): string {
  return ready === 0 ? 'No replica can serve.' : `${ready} of ${desired} ${desired === 1 ? 'replica' : 'replicas'} can serve.`;
}

export function sentence(text: string): string {
  return /[.!?…]$/.test(text) ? text : `${text}.`;
}
