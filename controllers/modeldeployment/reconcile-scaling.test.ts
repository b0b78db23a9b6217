import { expect, test } from 'vitest';
import { requeueAfter } from '../../src/kube/index.ts';
import { answer, World } from './testing/world.fake.ts';

const scaling = { minReplicas: 0, maxReplicas: 4 };

test('makes no replica by a spec that was just replaced: the cache brings the next', async () => {
  const world = new World({ replicas: 1, scaling });
  world.turn = async () => ({ written: true });
  await world.reconcile();
  expect(world.names).toEqual([]);
});

test('makes and ends replicas though it cannot be put to sleep or woken', async () => {
  const world = new World({ replicas: 2, scaling });
  const refused = answer(403, 'Forbidden');
  world.turn = async () => Promise.reject(refused);
  await expect(world.reconcile()).rejects.toBe(refused); // told, and tried again
  expect(world.names).toHaveLength(2);
  expect(world.status).toMatchObject({ replicas: 2 });
});

test('begins anew after a race for the spec that was lost', async () => {
  const world = new World({ replicas: 1, scaling });
  const lost = answer(409, 'Conflict');
  world.turn = async () => Promise.reject(lost);
  await expect(world.reconcile()).rejects.toBe(lost);
  expect(world.names).toEqual([]);
});

test('comes again when the model may go to sleep', async () => {
  const world = new World({ replicas: 1, scaling });
  await world.settle();
  world.setReady(world.names[0] ?? '');
  await world.settle();
  world.turn = async () => ({ written: false, dueMs: 1_234 });
  expect(await world.reconcile()).toEqual(requeueAfter(1_234));
});
