import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type ModelDeployment, resolveSpec } from '../../src/api/model-deployment.ts';
import { annotations } from '../../src/api/resources.ts';
import { FakeClock } from '../../src/core/fake-clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { demandFor, type Part, sumDemand } from '../demand/demand.ts';
import type { Replica } from '../modeldeployment/replica.ts';
import { deployment, failed, loaded, replica, t0 } from '../modeldeployment/testing/makers.fake.ts';
import { answer } from '../modeldeployment/testing/server.fake.ts';
import { Silence } from './silence.ts';
import { Sleeper, type SleeperOptions } from './sleeper.ts';

const key = 'models/qwen';
const idleMs = 20_000;

/** What happens in one second. */
type Happening =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'asks'; readonly held: number; readonly running: number }
  | { readonly kind: 'hears'; readonly heard: boolean }
  | { readonly kind: 'replicas'; readonly state: 'none' | 'loading' | 'loaded' | 'failed' }
  | { readonly kind: 'autoscaler'; readonly replicas: number }
  | { readonly kind: 'somebody'; readonly replicas: number }
  | { readonly kind: 'new leader' }
  | { readonly kind: 'race' };

const happening: fc.Arbitrary<Happening> = fc.oneof(
  { weight: 12, arbitrary: fc.constant({ kind: 'nothing' as const }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('asks' as const), held: fc.nat(2), running: fc.nat(2) }) },
  { weight: 3, arbitrary: fc.constant({ kind: 'asks' as const, held: 0, running: 0 }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('hears' as const), heard: fc.boolean() }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'hears' as const, heard: true }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('replicas' as const),
      state: fc.constantFrom('none' as const, 'loading' as const, 'loaded' as const, 'failed' as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('autoscaler' as const), replicas: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('somebody' as const), replicas: fc.nat(2) }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'new leader' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'race' as const }) },
);
/** Each happening, and how many seconds pass until the next. */
const life = fc.array(fc.tuple(happening, fc.integer({ min: 1, max: 15 }), fc.boolean()), { maxLength: 60, size: 'max' });

/** A deployment on a server, a gateway, and a controller that turns when it hears of something or is due. */
class Life {
  readonly clock = new FakeClock(t0);
  readonly writes: { readonly from: number; readonly to: number; readonly at: number }[] = [];
  deployment: ModelDeployment = {
    ...deployment({ replicas: 1, scaling: { minReplicas: 0, maxReplicas: 4, idleTimeout: `${idleMs}ms` } }),
    status: { observedGeneration: 1 },
  };
  requests = { held: 0, running: 0 };
  heard = true;
  replicas: readonly Replica[] = [];
  /** When it was last otherwise than silent, heard and known to this leader. */
  disturbedAt = t0;
  private version = 1;
  private end: () => void = () => {};
  private sleeper = this.lead();

  get asleep(): boolean {
    return this.deployment.metadata.annotations?.[annotations.asleep] !== undefined;
  }

  get wanted(): number {
    return this.deployment.spec.replicas ?? 1;
  }

  happen(what: Happening): void {
    if (what.kind === 'asks') this.requests = what;
    if (what.kind === 'hears') this.heard = what.heard;
    if (what.kind === 'replicas') this.replicas = this.wanted === 0 ? [] : [replicaIn(what.state)].flatMap((one) => one ?? []);
    if (what.kind === 'autoscaler' && this.wanted > 0) this.put(what.replicas);
    if (what.kind === 'somebody') this.put(what.replicas);
    if (what.kind === 'race') this.put(this.wanted);
    if (what.kind === 'new leader') {
      this.end();
      this.sleeper = this.lead();
    }
    if (what.kind === 'new leader' || (what.kind === 'replicas' && what.state === 'loaded')) this.disturbedAt = this.clock.now();
  }

  /** A second passes. */
  async pass(): Promise<void> {
    const { held, running } = this.requests;
    const before = this.clock.now();
    await this.clock.advance(1_000);
    if (held + running > 0 || !this.heard) this.disturbedAt = before;
  }

  /** `seen` is an older version when somebody wrote meanwhile. */
  async turn(seen = this.deployment): Promise<void> {
    const acceptance = { accepted: true, spec: resolveSpec(seen) } as const;
    const looked = { deployment: seen, ending: false, acceptance, replicas: this.replicas };
    await this.sleeper.turn(looked, silentLogger, new AbortController().signal);
  }

  stop(): void {
    this.end();
  }

  private lead(): Sleeper {
    const demand = {
      of: (model: string) => demandFor(model, [this.gateway()], this.clock.now()),
      all: () => sumDemand([this.gateway()], this.clock.now()),
    };
    const silence = new Silence(demand, this.clock);
    this.end = silence.source().start(() => {});
    const client = {
      mergePatch: async (_: unknown, __: unknown, patch: Patch) => this.patch(patch),
    } as unknown as SleeperOptions['client'];
    return new Sleeper({ client, demand, silence, clock: this.clock });
  }

  private gateway(): Part {
    const { held, running } = this.requests;
    const models = new Map(held + running > 0 ? [[key, { held, queued: 0, running }]] : []);
    return { ready: true, since: t0, ...(this.heard && { heardAt: this.clock.now() }), models };
  }

  private patch({ metadata, spec }: Patch): void {
    if (metadata.resourceVersion !== this.deployment.metadata.resourceVersion) throw answer(409, 'Conflict');
    if (spec) this.writes.push({ from: this.wanted, to: spec.replicas, at: this.clock.now() });
    const since = metadata.annotations[annotations.asleep];
    this.put(spec?.replicas ?? this.wanted, since === null || since === undefined ? {} : { [annotations.asleep]: since });
  }

  private put(replicas: number, marks = this.deployment.metadata.annotations ?? {}): void {
    this.version += 1;
    const metadata = { ...this.deployment.metadata, resourceVersion: String(this.version), annotations: marks };
    this.deployment = { ...this.deployment, metadata, spec: { ...this.deployment.spec, replicas } };
    if (replicas === 0) this.replicas = [];
  }
}

type Patch = {
  readonly metadata: { readonly resourceVersion?: string; readonly annotations: Readonly<Record<string, string | null>> };
  readonly spec?: { readonly replicas: number };
};

function replicaIn(state: 'none' | 'loading' | 'loaded' | 'failed'): Replica | undefined {
  if (state === 'none') return undefined;
  return state === 'loading' ? replica() : state === 'loaded' ? loaded() : failed('EngineCrashed');
}

test('whatever happens, a model sleeps only after its silence, wakes at a request, and nobody else’s number is written', async () => {
  await fc.assert(
    fc.asyncProperty(life, async (steps) => {
      const one = new Life();
      for (const [what, seconds, looks] of steps) {
        const before = one.deployment;
        const handZero = one.wanted === 0 && !one.asleep;
        const wrote = one.writes.length;
        one.happen(what);
        if (what.kind === 'race') await expect(raced(one, before)).resolves.toBeUndefined();
        for (let second = 0; second < seconds; second += 1) {
          await one.pass();
          // What becomes of pods is news to a controller, and so is who waits.
          const isTold = (what.kind === 'replicas' && second === 0) || one.requests.held > 0;
          if (!looks && !isTold) continue;
          const wasLoading = one.replicas.some(({ phase, ready }) => !ready && phase !== 'Failed');
          const writesBefore = one.writes.length;
          await one.turn();
          const write = one.writes[writesBefore];
          if (write?.to === 0) {
            expect(write.at - one.disturbedAt).toBeGreaterThanOrEqual(idleMs);
            expect(wasLoading).toBe(false);
          }
          // It may have taken two turns: the mark of what somebody scaled by hand goes first.
          if (one.requests.held > 0 && one.asleep) await one.turn();
          if (one.requests.held > 0 && one.heard) expect(one.asleep && one.wanted === 0).toBe(false);
        }
        for (const { from, to } of one.writes.slice(wrote)) expect(from === 0 ? to === 1 : to === 0).toBe(true);
        if (handZero && what.kind !== 'somebody') expect(one.wanted).toBe(0);
      }
      one.stop();
    }),
    { numRuns: 200 },
  );
});

/** A turn by what was there before somebody else wrote: it may do nothing, or lose; it never overwrites. */
async function raced(one: Life, before: ModelDeployment): Promise<void> {
  const { deployment: after } = one;
  await one.turn(before).catch(() => {}); // lost: the next turn sees what is there
  expect(one.deployment).toBe(after);
}
