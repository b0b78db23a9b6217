import { setTimeout as sleep } from 'node:timers/promises';
import { modelDeployments } from '../../controllers/modeldeployment/status-writer.ts';
import type { ModelDeployment } from '../../src/api/model-deployment.ts';
import type { Logger } from '../../src/core/logger.ts';
import { isAlreadyExists, type Pod, pods } from '../../src/kube/index.ts';
import { Chance } from './chance.ts';
import { createDeployment, editSomething, rollouts } from './edits.ts';
import { fastClock } from './fast-clock.ts';
import { Judge } from './judge.ts';
import { growthPerMinute, type Sample, sampleMemory } from './memory.ts';
import { troubleSomewhere } from './troubles.ts';
import { namespace, World } from './world.ts';

export type SoakOptions = {
  readonly seconds: number;
  readonly seed: number;
  /** How much faster than the world's the clocks of cluster and controller go. */
  readonly speed: number;
  readonly logger?: Logger | undefined;
  /** Hears of every round. */
  readonly tell?: ((line: string) => void) | undefined;
};

/** What a soak found. `problems` is empty when all is well. */
export type SoakReport = {
  readonly rounds: number;
  readonly edits: number;
  readonly troubles: number;
  readonly podsSeen: number;
  readonly blindSpots: number;
  /** From the end of a round's troubles to the desired state, in real seconds. */
  readonly slowestSeconds: number;
  readonly samples: readonly Sample[];
  readonly growthPerMinute: number;
  readonly problems: readonly string[];
};

// Of the real clock, on a busy machine; the back-off for pods that fail is part of it.
const settleMs = 60_000;
const idleMs = 3_000;
const mayGrowPerMinute = 1;
/** Histories and caches fill for a quarter of an hour: the second half of a shorter run says nothing of leaks. */
const settledAfterSeconds = 1_200;

/** Edits and troubles in rounds. After each round the desired state must be reached, and then nothing be written any more. */
export async function soak({ seconds, seed, speed, logger, tell = () => {} }: SoakOptions): Promise<SoakReport> {
  const chance = new Chance(seed);
  await using world = await World.open(fastClock(speed), logger);
  const stop = new AbortController();
  const judge = new Judge(world.admin);
  const judging = judge.run(stop.signal);
  const began = Date.now();
  const problems: string[] = [];
  const samples: Sample[] = [];
  const count = { rounds: 0, edits: 0, troubles: 0, slowestSeconds: 0 };
  while (Date.now() - began < seconds * 1_000 && problems.length === 0) {
    const done: string[] = [];
    for (const name of Object.keys(rollouts)) await createDeployment(world.admin, name, chance).catch(unlessItIsThere);
    for (let steps = chance.whole(3, 8); steps > 0; steps--) {
      // Troubles first and several at a time: a lost answer is harmless until the watch that would make up for it is behind.
      for (let at = chance.whole(0, 2); at > 0; at--) {
        done.push(await troubleSomewhere(world, chance));
        count.troubles += 1;
      }
      done.push(await editSomething(world.admin, chance));
      count.edits += 1;
      await sleep(chance.whole(0, 300));
    }
    world.faults.clear();
    count.rounds += 1;
    const what = `round ${count.rounds} (${done.join('; ')})`;
    const settled = await settle(world, seconds < 60 ? 1_000 : idleMs);
    count.slowestSeconds = Math.max(count.slowestSeconds, settled.seconds);
    if (settled.problem !== undefined) problems.push(`after ${what}: ${settled.problem}`);
    problems.push(...judge.findings.splice(0).map((finding) => `in ${what}: ${finding}`));
    samples.push(sampleMemory(began));
    tell(`${what}: settled in ${settled.seconds.toFixed(1)} s, heap ${samples.at(-1)?.heapMegabytes.toFixed(0)} MB`);
  }
  stop.abort();
  await judging;
  const growth = growthPerMinute(samples);
  if (seconds >= settledAfterSeconds && growth > mayGrowPerMinute) problems.push(`the heap grows by ${growth.toFixed(2)} MB a minute`);
  const { podsSeen, blindSpots } = judge;
  return { ...count, podsSeen, blindSpots, samples, growthPerMinute: growth, problems };
}

function unlessItIsThere(error: unknown): void {
  if (!isAlreadyExists(error)) throw error;
}

type Settled = { readonly seconds: number; readonly problem?: string };

/** Waits for the desired state, then for silence, and checks that the silence lasts. */
async function settle(world: World, quietMs: number): Promise<Settled> {
  const began = Date.now();
  const elapsed = () => (Date.now() - began) / 1_000;
  let problem: string | undefined;
  do {
    await sleep(100);
    problem = await whatIsWrong(world);
  } while (problem !== undefined && Date.now() - began < settleMs);
  const seconds = elapsed();
  if (problem !== undefined) return { seconds, problem: `the desired state was not reached in ${settleMs / 1_000} s: ${problem}` };
  for (let before = await revision(world); Date.now() - began < settleMs * 2; ) {
    await sleep(quietMs);
    const now = await revision(world);
    if (now === before) return { seconds };
    before = now;
  }
  return { seconds, problem: 'something is written again and again though nothing changes' };
}

/** The server's revision, which every write to anything moves. */
async function revision({ admin }: World): Promise<string> {
  return (await admin.list(pods, { namespace, limit: 1 })).resourceVersion;
}

/** What still lacks to the desired state; undefined when nothing does. */
async function whatIsWrong({ admin }: World): Promise<string | undefined> {
  const [deployments, all] = await Promise.all([
    admin.list(modelDeployments, { namespace }).then(({ items }) => items),
    admin.list(pods, { namespace }).then(({ items }) => items),
  ]);
  for (const deployment of deployments) {
    const wrong = wrongWith(
      deployment,
      all.filter((pod) => ownerOf(pod) === deployment.metadata.uid),
    );
    if (wrong !== undefined) return `${deployment.metadata.name}: ${wrong} (status: ${JSON.stringify(deployment.status)})`;
  }
  const orphans = all.filter((pod) => !deployments.some(({ metadata }) => metadata.uid === ownerOf(pod)));
  return orphans.length === 0 ? undefined : `pods without a deployment: ${orphans.map(({ metadata }) => metadata.name).join(', ')}`;
}

function wrongWith({ metadata, spec, status }: ModelDeployment, owned: readonly Pod[]): string | undefined {
  if (metadata.deletionTimestamp !== undefined) return 'it is still being deleted';
  const desired = spec.suspend ? 0 : (spec.replicas ?? 1);
  const phase = spec.suspend ? 'Suspended' : desired === 0 ? 'ScaledToZero' : 'Ready';
  if (owned.length !== desired) return `${owned.length} pods instead of ${desired}`;
  if (!status) return 'no status';
  if (status.observedGeneration !== metadata.generation)
    return `generation ${status.observedGeneration} observed, not ${metadata.generation}`;
  const revisions = new Set(owned.map((pod) => pod.metadata.labels?.['modelfleet.dev/revision']));
  if (desired > 0 && (revisions.size !== 1 || !revisions.has(status.revision)))
    return `pods of revisions ${[...revisions].join(', ')}, not ${status.revision}`;
  if ((status.readyReplicas ?? 0) !== desired) return `${status.readyReplicas} ready, not ${desired}`;
  return status.phase === phase ? undefined : `phase ${status.phase}, not ${phase}`;
}

function ownerOf(pod: Pod): string | undefined {
  return pod.metadata.ownerReferences?.find(({ controller }) => controller)?.uid;
}
