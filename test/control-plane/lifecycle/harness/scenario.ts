import { beforeAll, describe, inject, test } from 'vitest';
import { openAccount } from './account.ts';
import { World } from './world.ts';

const kubeconfig = inject('kubeconfig');
/** A cluster of somebody else has a scheduler and kubelets of its own. */
const ours = kubeconfig !== '' && !process.env.E2E_KUBECONFIG;

/** A scenario with a world of its own, beside the others of its file. */
export function scenario(name: string, play: (world: World) => Promise<void>): void {
  test.concurrent(name, { timeout: 60_000 }, async () => {
    const world = await World.open();
    const [played, ended] = [await settled(play(world)), await settled(world.end())];
    if (played.status === 'rejected') throw played.reason;
    if (ended.status === 'rejected') throw ended.reason;
    world.check();
  });
}

/** Scenarios that belong together. */
export function scenarios(name: string, define: () => void): void {
  describe.skipIf(!ours)(name, () => {
    beforeAll(() => openAccount(kubeconfig));
    define();
  });
}

async function settled(work: Promise<void>): Promise<PromiseSettledResult<void>> {
  const [result] = await Promise.allSettled([work]);
  return result;
}
