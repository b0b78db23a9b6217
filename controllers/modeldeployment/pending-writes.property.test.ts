import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ConnectionError } from '../../src/kube/index.ts';
import { World } from './testing/world.fake.ts';

const surge = 1;

/** What happens between two writes or two reconciles. */
type Happening =
  | { readonly kind: 'reconcile' }
  | { readonly kind: 'the cache hears of'; readonly changes: number }
  | { readonly kind: 'the cache is listed anew' }
  | { readonly kind: 'replicas'; readonly replicas: number }
  | { readonly kind: 'new revision'; readonly revision: number }
  | { readonly kind: 'loads' | 'is deleted by hand' | 'is evicted'; readonly pod: number };

const anyHappening: fc.Arbitrary<Happening> = fc.oneof(
  { weight: 6, arbitrary: fc.constant({ kind: 'reconcile' as const }) },
  { weight: 5, arbitrary: fc.nat(4).map((changes) => ({ kind: 'the cache hears of' as const, changes })) },
  { weight: 1, arbitrary: fc.constant({ kind: 'the cache is listed anew' as const }) },
  { weight: 2, arbitrary: fc.nat(4).map((replicas) => ({ kind: 'replicas' as const, replicas })) },
  { weight: 1, arbitrary: fc.nat(2).map((revision) => ({ kind: 'new revision' as const, revision })) },
  {
    weight: 7,
    arbitrary: fc.record({
      kind: fc.constantFrom(
        'loads' as const,
        'loads' as const,
        'loads' as const,
        'loads' as const,
        'is deleted by hand' as const,
        'is evicted' as const,
      ),
      pod: fc.nat(5),
    }),
  },
);

/** What may go wrong with a write: its answer is late, so that the cache knows more than we do, or it is lost. */
type Answer = 'in time' | 'late' | 'lost';
const answersOf = (...some: readonly Answer[]) => fc.array(fc.constantFrom(...some), { minLength: 1, maxLength: 40, size: 'max' });
const anyAnswers = fc.oneof(answersOf('in time', 'late'), answersOf('in time', 'in time', 'in time', 'late', 'lost'));

async function happen(world: World, happening: Happening): Promise<void> {
  switch (happening.kind) {
    case 'reconcile':
      await world.reconcile().catch((error: unknown) => {
        if (!(error instanceof ConnectionError)) throw error;
      });
      await world.clock.advance(1_000);
      return;
    case 'the cache hears of':
      world.catchUp(happening.changes);
      return;
    case 'the cache is listed anew':
      world.sync();
      return;
    case 'replicas':
      world.change({ replicas: happening.replicas });
      return;
    case 'new revision':
      world.change({ model: { source: `hf://models/number-${happening.revision}` } });
      return;
    default:
      befall(world, happening);
  }
}

/** What the kubelet or a person does to a pod; the cache does not know yet. */
function befall(world: World, { kind, pod: index }: Extract<Happening, { readonly pod: number }>): void {
  const name = world.names[index % Math.max(1, world.names.length)];
  if (name === undefined) return;
  if (kind === 'is deleted by hand') world.api.deletePod(name);
  else if (kind === 'is evicted') world.setStatus(name, { phase: 'Failed', reason: 'Evicted' });
  else if (world.staying.includes(name)) world.loads(name);
}

/** Notes when each replica was marked to drain: it is marked once. */
class Marks {
  private readonly since = new Map<string, string>();

  check(world: World): void {
    for (const { metadata } of world.server.values()) {
      const since = metadata.annotations?.['modelfleet.dev/drainingSince'];
      const known = this.since.get(metadata.name);
      if (since === undefined) continue;
      if (known !== undefined) expect(since).toBe(known);
      this.since.set(metadata.name, since);
    }
  }
}

test('no replica is made, marked or deleted twice, however far behind the cache is and whatever becomes of answers', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyHappening, { maxLength: 60, size: 'max' }), anyAnswers, fc.boolean(), async (life, answers, graceful) => {
      const world = new World({ replicas: 2 });
      const marks = new Marks();
      let writes = 0;
      let lost = false;
      world.api.graceful = graceful;
      world.onCreate = () => expect(world.staying.length).toBeLessThan((world.api.deployment?.spec.replicas ?? 0) + surge);
      world.api.afterWrite = () => {
        if (!lost) marks.check(world);
        const answer = answers[writes % answers.length];
        writes += 1;
        if (answer === 'late') world.catchUp();
        if (answer !== 'lost') return;
        lost = true; // it leaves open whether the pod was marked or deleted: that may be done again
        throw new ConnectionError('the answer is lost', {});
      };
      for (const happening of life) await happen(world, happening);
      const deletions = world.api.log.filter((line) => line.startsWith('delete'));
      if (!lost) expect(new Set(deletions).size).toBe(deletions.length);

      world.api.afterWrite = () => {};
      await comeToRest(world);
      expect(world.names.length).toBe(world.api.deployment?.spec.replicas);
      expect(world.status).toMatchObject({
        phase: world.names.length > 0 ? 'Ready' : 'ScaledToZero',
        updatedReplicas: world.names.length,
      });
    }),
    { numRuns: 60 },
  );
}, 60_000);

/** All loads, what ends has ended, and the cache hears of everything. */
async function comeToRest(world: World): Promise<void> {
  for (let round = 0; round < 40; round += 1) {
    await world.reconcile();
    world.sync();
    for (const name of world.ending) world.api.end(name);
    for (const name of world.staying) world.loads(name);
    world.sync();
    await world.clock.advance(30_000);
  }
}
