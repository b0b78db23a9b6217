import { type Cell, quantile, type Report, round } from '../report.ts';
import type { Subjects } from './baselines.ts';
import type { Latencies } from './latency.ts';
import type { Options } from './options.ts';
import { type Level, ofPeak } from './overload.ts';
import { added, measured, median, ratio, type Samples } from './rounds.ts';
import type { StreamsFound } from './streams.ts';
import type { Subject } from './subject.ts';

type ByRound = ReadonlyMap<Subject, Samples>;

/** All that was measured; what was left out is empty or undefined. */
export type Findings = {
  readonly subjects: Subjects | undefined;
  readonly requests: ByRound;
  readonly chunks: ByRound;
  readonly answers: Latencies;
  readonly firstFrames: Latencies;
  readonly streams: MeasuredStreams | undefined;
  readonly overload: readonly Level[];
};

export type MeasuredStreams = {
  readonly through: StreamsFound;
  readonly direct: StreamsFound;
  readonly idleMegabytes: number;
  readonly afterMegabytes: number;
};

/** Makes the report of the findings: null in `results` is what was not measured. */
export function reportOf(findings: Findings, options: Options): Report {
  return {
    title: 'gateway',
    columns: ['path', 'CPU µs/request', 'p50 ms (1 conn)', 'p99 ms', 'first frame p99 ms', 'CPU µs/chunk'],
    rows: [...subjectRows(findings), ...ratioRows(findings), ...streamRows(findings, options), ...overloadRows(findings)],
    results: resultsOf(findings),
  };
}

function resultsOf({ subjects, requests, chunks, answers, firstFrames, streams, overload }: Findings) {
  const of = (found: ByRound, which: keyof Subjects) => numberOrNull(median(samplesOf(found, subjects?.[which])));
  const addedMillis = (found: Latencies, at: number) => numberOrNull(addedBy(found, subjects?.gateway, subjects?.direct, at), 3);
  return {
    cpuMicrosPerRequest: of(requests, 'gateway'),
    cpuMicrosPerChunk: of(chunks, 'gateway'),
    redisCpuMicrosPerRequest: of(requests, 'shared'),
    bareCpuMicrosPerRequest: of(requests, 'bare'),
    bareCpuMicrosPerChunk: of(chunks, 'bare'),
    nginxCpuMicrosPerRequest: of(requests, 'nginx'),
    nginxCpuMicrosPerChunk: of(chunks, 'nginx'),
    portkeyCpuMicrosPerRequest: of(requests, 'portkey'),
    addedP50Millis: addedMillis(answers, 0.5),
    addedP99Millis: addedMillis(answers, 0.99),
    addedTtftP99Millis: addedMillis(firstFrames, 0.99),
    streamsSustained: streams?.through.sustained ?? null,
    framesLost: streams?.through.framesLost ?? null,
    rssIdleMegabytes: numberOrNull(streams?.idleMegabytes),
    rssPlateauMegabytes: numberOrNull(streams?.through.plateauMegabytes),
    rssAfterMegabytes: numberOrNull(streams?.afterMegabytes),
    overloadThroughputRatio: overload.length > 0 ? numberOrNull(ofPeak(overload), 3) : null,
  };
}

function subjectRows({ subjects, requests, chunks, answers, firstFrames }: Findings): Cell[][] {
  if (!subjects) return [];
  const { direct, nginx, bare, gateway, shared, portkey } = subjects;
  return [direct, nginx, bare, gateway, shared, portkey]
    .filter((subject) => subject !== undefined)
    .map((subject) => [
      subject.name,
      withSpread(samplesOf(requests, subject)),
      cell(quantileOf(answers, subject, 0.5), 2),
      cell(quantileOf(answers, subject, 0.99), 2),
      cell(quantileOf(firstFrames, subject, 0.99), 2),
      withSpread(samplesOf(chunks, subject)),
    ]);
}

function ratioRows({ subjects, requests, chunks, answers, firstFrames }: Findings): Cell[][] {
  if (!subjects) return [];
  const { direct, nginx, bare, gateway, shared, portkey } = subjects;
  const times = (found: ByRound, a: Subject | undefined, b: Subject | undefined) =>
    cell(ratio(samplesOf(found, a), samplesOf(found, b)), 2);
  const more = (found: Latencies, at: number) => cell(addedBy(found, gateway, direct, at), 2);
  const rows: Cell[][] = [
    ['added by the gateway (p50 0.3 ms, p99 1 ms)', '', more(answers, 0.5), more(answers, 0.99), more(firstFrames, 0.99), ''],
    ['gateway ÷ bare (2 a request, 1.3 a chunk)', times(requests, gateway, bare), '', '', '', times(chunks, gateway, bare)],
    ['gateway ÷ nginx (6 a request)', times(requests, gateway, nginx), '', '', '', times(chunks, gateway, nginx)],
    ['limits in Redis ÷ in memory', times(requests, shared, gateway), '', '', '', times(chunks, shared, gateway)],
    ['Portkey ÷ gateway (at least 6)', times(requests, portkey, gateway), '', '', '', ''],
  ];
  return rows.filter(([, ...cells]) => cells.some((each) => each !== ''));
}

function streamRows({ streams }: Findings, options: Options): Cell[][] {
  if (!streams) return [];
  const { through, direct, idleMegabytes, afterMegabytes } = streams;
  const both = (name: string, of: (found: StreamsFound) => number) => [`  ${name}; without the gateway`, `${of(through)}; ${of(direct)}`];
  return [
    [`${options.streams} streams, a frame each ${options.paceMs} ms`],
    both('sustained', ({ sustained }) => sustained),
    both('frames lost', ({ framesLost }) => framesLost),
    both('longest gap, ms', ({ longestGapMs }) => round(longestGapMs, 0)),
    both('first frame p99, ms', ({ ttftP99Ms }) => round(ttftP99Ms)),
    [
      '  RSS idle, plateau, after, MB',
      [idleMegabytes, through.plateauMegabytes, afterMegabytes].map((value) => round(value, 0)).join(', '),
    ],
  ];
}

function overloadRows({ overload }: Findings): Cell[][] {
  if (overload.length === 0) return [];
  const list = (of: (level: Level) => number) => overload.map((level) => round(of(level), 0)).join(', ');
  return [
    [`tokens/s with ${list(({ callers }) => callers)} callers`, list(({ tokensPerSecond }) => tokensPerSecond)],
    ['  at the most, of the peak', round(ofPeak(overload), 2)],
  ];
}

function samplesOf(found: ByRound, subject: Subject | undefined): Samples {
  return (subject && found.get(subject)) ?? [];
}

function quantileOf(found: Latencies, subject: Subject, at: number): number {
  return median((found.get(subject) ?? []).map((block) => quantile(block, at)));
}

function addedBy(found: Latencies, through: Subject | undefined, direct: Subject | undefined, at: number): number {
  if (!through || !direct) return Number.NaN;
  return added(at, found.get(through) ?? [], found.get(direct) ?? []);
}

/** The median, with the least and the most of all rounds: the noise of the machine. */
function withSpread(samples: Samples): Cell {
  const there = measured(samples);
  if (there.length === 0) return '';
  const [middle, least, most] = [median(there), Math.min(...there), Math.max(...there)].map((value) => round(value));
  return `${middle} (${least}–${most})`;
}

function cell(value: number, digits: number): Cell {
  return Number.isNaN(value) ? '' : round(value, digits);
}

function numberOrNull(value: number | undefined, digits = 1): number | null {
  return value === undefined || Number.isNaN(value) ? null : round(value, digits);
}
