import { expect, test } from 'vitest';
import { World } from './testing/world.fake.ts';

/** Two replicas serve, and gateways say of the first that it hangs. */
async function worldWithWedge(restartOnWedge: boolean): Promise<World & { readonly hanging: string }> {
  const world = new World({ replicas: 2, health: { restartOnWedge } });
  await world.settle();
  for (const name of world.names) world.setReady(name);
  await world.settle();
  const [hanging = ''] = world.names;
  world.wedged.add(world.server.get(hanging)?.metadata.uid ?? '');
  await world.clock.advance(1_000);
  await world.settle();
  return Object.assign(world, { hanging });
}

test('a replica that hangs by the word of a gateway is told like one that says so itself, and replaced after a pause', async () => {
  const world = await worldWithWedge(true);
  const says = expect.stringContaining(world.hanging);
  expect(world.condition('Ready')).toMatchObject({ status: 'False', reason: 'EngineWedged', message: says });
  expect(world.condition('Degraded')).toMatchObject({ status: 'True', reason: 'EngineWedged' });
  expect(world.events).toContain('Warning EngineWedged');
  expect(world.staying).toContain(world.hanging);

  await world.clock.advance(10_000);
  await world.settle();
  expect(world.events).toContain('Warning ReplicaStalled');
  expect(world.messages.some((message) => message.startsWith(`Deleted pod ${world.hanging}. Several streams`))).toBe(true);
  expect(world.staying).toHaveLength(2);
  expect(world.staying).not.toContain(world.hanging);
});

test('with restartOnWedge false it is told and left as it is, and well again when the gateway hears it', async () => {
  const world = await worldWithWedge(false);
  await world.clock.advance(600_000);
  await world.settle();
  expect(world.staying).toContain(world.hanging);
  expect(world.status).toMatchObject({ readyReplicas: 1, phase: 'Degraded' });

  world.wedged.clear();
  await world.settle();
  expect(world.condition('Ready')).toMatchObject({ status: 'True', reason: 'Ready' });
});
