import type { FaultMatch, Verb } from '../../src/local/apiserver/faults.ts';
import type { Chance } from './chance.ts';
import { namespace, type World } from './world.ts';

const ours: FaultMatch = { namespace };
const writes: readonly Verb[] = ['create', 'patch', 'delete'];

type Trouble = (world: World, chance: Chance) => unknown;

/** What may go wrong between a controller and its API server. */
const troubles: Readonly<Record<string, Trouble>> = {
  'watches cut': ({ faults }) => faults.cutWatches(ours),
  'watches expire in the stream': ({ faults }) => faults.expireWatches(ours),
  'watches refused as expired': ({ faults }, chance) => {
    faults.refuseWatches(ours, chance.whole(1, 4));
    return faults.cutWatches(ours);
  },
  'watches behind': ({ faults }, chance) => {
    faults.next({ ...ours, verb: 'watch' }, { kind: 'slow', ms: chance.whole(200, 1_000) }, chance.whole(1, 4));
    return faults.cutWatches(ours);
  },
  throttled: ({ faults }, chance) => faults.next(ours, { kind: 'fail', status: 429, retryAfterSeconds: 1 }, chance.whole(1, 12)),
  conflicts: ({ faults }, chance) => faults.next({ ...ours, verb: 'patch' }, { kind: 'fail', status: 409 }, chance.whole(1, 8)),
  'server errors': ({ faults }, chance) => faults.next(ours, { kind: 'fail', status: chance.pick([500, 503]) }, chance.whole(1, 12)),
  'answers lost': ({ faults }, chance) =>
    faults.next({ ...ours, verb: chance.pick(writes) }, { kind: 'cut', afterEffect: true }, chance.whole(1, 6)),
  'requests lost': ({ faults }, chance) => faults.next({ ...ours, verb: chance.pick(writes) }, { kind: 'cut' }, chance.whole(1, 6)),
  slow: ({ faults }, chance) => faults.next(ours, { kind: 'slow', ms: chance.whole(50, 400) }, chance.whole(1, 8)),
  'server restarts': (world) => world.restartServer(),
  'leadership ends': (world) => world.endTerm(),
  'controller restarts': (world) => world.restartController(),
};

/** Makes one random trouble. Answers which. */
export async function troubleSomewhere(world: World, chance: Chance): Promise<string> {
  const kind = chance.pick(Object.keys(troubles));
  await troubles[kind]?.(world, chance);
  return kind;
}
