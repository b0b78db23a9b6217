import { describe, expect, test } from 'vitest';
import { isReplicaReady } from '../../src/api/replica.ts';
import { World } from './testing/world.fake.ts';

const replicas = 3;
const surge = 1;

/** Everything that a deployment lives through, driven by whoever is in charge. */
async function life(world: World, drive: (reached: () => boolean) => Promise<void>): Promise<void> {
  const ready = () => [...world.server.values()].filter(isReplicaReady).length;
  await drive(() => ready() === replicas);
  const first = world.names;
  world.change({ model: { source: 'hf://Qwen/Qwen3-8B' } });
  await drive(() => ready() === replicas && !world.names.some((name) => first.includes(name)));
  world.change({ replicas: 1 });
  await drive(() => world.names.length === 1);
  world.change({ suspend: true });
  await drive(() => world.names.length === 0);
  world.change({ suspend: false });
  await drive(() => ready() === 1);
  world.delete();
  await drive(() => world.api.deployment === undefined);
}

/** A world in which no pod too many is ever created, whoever is in charge. */
function watchedWorld(): World {
  const world = new World({ replicas });
  world.onCreate = () => expect(world.staying.length).toBeLessThan(replicas + surge);
  return world;
}

/** Reconciles until this is reached, as controllers that may die at any write; what loads has loaded by the next round. */
function drive(world: World, beforeRound: () => void) {
  return async (reached: () => boolean): Promise<void> => {
    for (let round = 0; round < 60; round += 1) {
      if (reached()) return;
      beforeRound();
      await world.reconcile().catch((error: unknown) => {
        if (!(error instanceof Error) || error.message !== 'died') throw error;
        world.restart();
      });
      world.sync();
      for (const name of world.staying) if (!isLoaded(world, name)) world.setReady(name);
      await world.clock.advance(1_000);
    }
    throw new Error(`it is not reached: ${world.names.join()}`);
  };
}

function isLoaded(world: World, name: string): boolean {
  const pod = world.server.get(name);
  return pod !== undefined && isReplicaReady(pod);
}

/** The process dies at its n-th write: before the write is done, or before the answer is here. Answers whether it came so far. */
function dieAt(world: World, write: number, when: 'before' | 'after'): () => boolean {
  let writes = 0;
  let dead = false;
  const restart = world.restart.bind(world);
  world.restart = () => {
    dead = false;
    restart();
  };
  const die = () => {
    dead = true;
    throw new Error('died');
  };
  world.api.beforeWrite = () => {
    if (dead) die();
    writes += 1;
    if (writes === write && when === 'before') die();
  };
  world.api.afterWrite = () => {
    if (writes === write && when === 'after' && !dead) die();
  };
  return () => writes >= write;
}

/** Writes of a life without trouble: pods created and deleted, and the finalizer. */
const essence = (world: World) => ({
  created: world.api.log.filter((line) => line.startsWith('create')).length,
  deleted: new Set(world.api.log.filter((line) => line.startsWith('delete'))).size,
});

test('a controller that begins anew before every step makes and ends no more replicas than one that stays', async () => {
  const world = watchedWorld();
  await life(
    world,
    drive(world, () => world.restart()),
  );
  expect(essence(world)).toEqual({ created: 2 * replicas + 1, deleted: 2 * replicas + 1 });
});

describe.each(['before', 'after'] as const)('a controller that dies %s a write is done', (when) => {
  test('leaves to the next one a state that it finishes, wherever it was', async () => {
    let came = true;
    for (let write = 1; came; write += 1) {
      const world = watchedWorld();
      const hasCome = dieAt(world, write, when);
      await life(
        world,
        drive(world, () => {}),
      );
      expect(essence(world), `died ${when} write ${write}`).toEqual({ created: 2 * replicas + 1, deleted: 2 * replicas + 1 });
      came = hasCome();
    }
  }, 60_000);
});
