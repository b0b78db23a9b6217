import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { startSubjects } from './gateway/baselines.ts';
import { cpuPerChunk, cpuPerRequest, warmUp } from './gateway/cpu.ts';
import { type Findings, type MeasuredStreams, reportOf } from './gateway/findings.ts';
import { measureAnswers, measureFirstFrames } from './gateway/latency.ts';
import { type Options, type Part, readOptions } from './gateway/options.ts';
import { type Level, measureLevel, overloadedModel } from './gateway/overload.ts';
import { readSelfTimes } from './gateway/profile.ts';
import { inTurns } from './gateway/rounds.ts';
import { measureStreams } from './gateway/streams.ts';
import type { Subject } from './gateway/subject.ts';
import { Testbed } from './gateway/testbed.ts';
import { memoryOf } from './processes.ts';
import { printReport, say } from './report.ts';

// What the gateway costs, beside the worker called directly, the least that a proxy in Node can do, nginx, and Portkey. Who asks and the worker
// share one core, what is measured has another. CPU time is that of the measured process alone, so it does not matter whose core is busier.

const overloadLevels = [300, 1_200, 2_400];
const overloadSeconds = 3;

let interrupted = false;
const options = readOptions(process.argv.slice(2));
const findings = await measure(options);
printReport(reportOf(findings, options));

async function measure({ only, rounds, seconds }: Options): Promise<Findings> {
  await using testbed = await Testbed.open();
  // What was started is ended too when this is: else it would go on, in nobody's way until the next benchmark.
  const end = () => {
    interrupted = true;
    void testbed[Symbol.asyncDispose]().finally(() => process.exit(1));
  };
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, end);
  const compared = only.has('requests') || only.has('chunks') || only.has('latency');
  const subjects = compared ? await startSubjects(testbed, options) : undefined;
  const { direct, gateway, shared, bare, nginx, portkey } = subjects ?? {};
  const proxies = present([gateway, bare, nginx, shared]);
  const all = present([...proxies, portkey]);
  if (compared) await told('warm-up', () => warmUpAll(all));
  const warmAt = steadyMicros();

  const part = <T>(name: Part, work: () => Promise<T>, otherwise: T) => (only.has(name) ? told(name, work) : otherwise);
  const nothing = new Map<Subject, never>();
  const findings: Findings = {
    subjects,
    requests: await part(
      'requests',
      () =>
        inTurns(
          all,
          rounds,
          ifAnswered((subject) => cpuPerRequest(subject, seconds)),
        ),
      nothing,
    ),
    chunks: await part('chunks', () => inTurns(proxies, rounds, ifAnswered(cpuPerChunk)), nothing),
    ...(await part('latency', () => measureLatency(present([direct, nginx, bare, gateway])), { answers: nothing, firstFrames: nothing })),
    streams: await part('streams', () => streamsThroughFreshGateway(testbed), undefined),
    overload: await part('overload', () => overloadFreshGateway(testbed), []),
  };
  if (options.profile !== undefined && gateway) {
    await gateway.process.stop();
    await tellSelfTimes(options.profile, testbed.program, warmAt);
  }
  return findings;
}

async function tellSelfTimes(folder: string, program: string, since: number): Promise<void> {
  say(
    `\nwhere the gateway spends its CPU time (self time since the warm-up; the profiler has its part in it); the profile is in ${folder}`,
  );
  for (const { place, share } of (await readSelfTimes(folder, program, since)).slice(0, 40))
    say(`${(100 * share).toFixed(1).padStart(5)} %  ${place}`);
}

/** What V8's profiles count in (CLOCK_MONOTONIC). */
function steadyMicros(): number {
  return Number(process.hrtime.bigint() / 1_000n);
}

async function warmUpAll(subjects: readonly Subject[]): Promise<void> {
  const turn = ifAnswered((subject) => warmUp(subject, 8 * options.seconds));
  for (const subject of subjects) await turn(subject);
}

/** On a machine that is busy with other things a proxy may be too slow for its own time limits: that round is left out, and a line says so. */
function ifAnswered(turn: (subject: Subject) => Promise<number>): (subject: Subject) => Promise<number> {
  return async (subject) => {
    try {
      return await turn(subject);
    } catch (error) {
      if (interrupted) throw error;
      say(`${subject.name}: a round is left out: ${error instanceof Error ? error.message : error}`);
      return Number.NaN;
    }
  };
}

async function measureLatency(subjects: readonly Subject[]) {
  const answers = await measureAnswers(subjects, { blocks: 5, calls: options.calls });
  const firstFrames = await measureFirstFrames(subjects, { blocks: 5, calls: Math.ceil(options.calls / 3) });
  return { answers, firstFrames };
}

/** A gateway that has done nothing yet shows what it needs when idle. */
async function streamsThroughFreshGateway(testbed: Testbed): Promise<MeasuredStreams> {
  const gateway = await testbed.startGateway('gateway');
  const { pid, stop } = gateway.process;
  const load = { streams: options.streams, paceMs: options.paceMs, seconds: options.streamSeconds };
  const idleMegabytes = (await memoryOf(pid)).megabytes;
  const through = await measureStreams(gateway, load);
  // The same without it says what the worker and this process, on the other core, are to blame for.
  const direct = await measureStreams(testbed.direct, load);
  await sleep(options.settleSeconds * 1_000);
  const afterMegabytes = (await memoryOf(pid)).megabytes;
  await stop();
  return { through, direct, idleMegabytes, afterMegabytes };
}

/** As bench:collapse, in short. */
async function overloadFreshGateway(testbed: Testbed): Promise<readonly Level[]> {
  const gateway = await testbed.startGateway('gateway');
  const asked = { model: overloadedModel, apiKey: testbed.overloadKey, seconds: overloadSeconds };
  const found: Level[] = [];
  for (const callers of overloadLevels) found.push(await measureLevel(gateway.origin, { ...asked, callers }));
  await gateway.process.stop();
  return found;
}

async function told<T>(what: string, work: () => Promise<T>): Promise<T> {
  const began = performance.now();
  const result = await work();
  say(`${what}: ${Math.round((performance.now() - began) / 1_000)} s`);
  return result;
}

function present(subjects: readonly (Subject | undefined)[]): Subject[] {
  return subjects.filter((subject) => subject !== undefined);
}
