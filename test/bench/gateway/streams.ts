import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Connection, withConnections } from '../load.ts';
import { memoryOf } from '../processes.ts';
import { quantile } from '../report.ts';
import { FrameReader } from './frames.ts';
import { median } from './rounds.ts';
import { type Subject, streamRequest } from './subject.ts';

/** A longer silence than so many times the pace is one that a reader notices. */
const gapFactor = 10;
/** The first streams begin so long before the last, so that accepting them is not what is measured. */
const rampMs = 2_000;
const sampleMs = 500;

type Plan = { readonly streams: number; readonly paceMs: number; readonly seconds: number };

/** What became of all streams. */
export type StreamsFound = {
  /** Streams that lost no frame, paused no longer than ten times the pace and came to their end. */
  readonly sustained: number;
  /** Frames that were sent and did not come, or not in their order. */
  readonly framesLost: number;
  readonly longestGapMs: number;
  readonly ttftP99Ms: number;
  /** Resident memory of the subject while all streams ran. */
  readonly plateauMegabytes: number;
};

type StreamFound = { readonly sustained: boolean; readonly lost: number; readonly longestGapMs: number; readonly ttftMs: number };

/** Runs so many paced streams at the same time, and checks each of their frames. */
export async function measureStreams(subject: Subject, { streams, paceMs, seconds }: Plan): Promise<StreamsFound> {
  const frames = Math.ceil((seconds * 1_000) / paceMs);
  const request = streamRequest(subject, { frames, paceMs });
  return withConnections(subject.origin, streams, async (connections) => {
    const stop = new AbortController();
    const memory = sampleMemory(subject.process.pid, stop.signal);
    const found = await Promise.all(
      connections.map(async (connection, index) => {
        await sleep((index / streams) * rampMs);
        return readStream(connection, request, frames, paceMs);
      }),
    );
    stop.abort();
    return {
      sustained: found.filter(({ sustained }) => sustained).length,
      framesLost: found.reduce((sum, { lost }) => sum + lost, 0),
      longestGapMs: Math.max(...found.map(({ longestGapMs }) => longestGapMs)),
      ttftP99Ms: quantile(
        found.map(({ ttftMs }) => ttftMs),
        0.99,
      ),
      plateauMegabytes: median(await memory),
    };
  });
}

async function readStream(connection: Connection, request: Buffer, frames: number, paceMs: number): Promise<StreamFound> {
  const reader = new FrameReader();
  const asked = performance.now();
  let ttftMs = Number.NaN;
  let longestGapMs = 0;
  let last = asked;
  const take = (bytes: Buffer) => {
    if (reader.take(bytes) === 0) return;
    const now = performance.now();
    if (Number.isNaN(ttftMs)) ttftMs = now - asked;
    else longestGapMs = Math.max(longestGapMs, now - last);
    last = now;
  };
  // A stream that breaks off is a result here: its frames are lost.
  const status = await connection.ask(request, take).catch(() => 0);
  const lost = frames - reader.received;
  return { sustained: status === 200 && reader.done && lost === 0 && longestGapMs <= gapFactor * paceMs, lost, longestGapMs, ttftMs };
}

/** Samples from the time on when all streams run, until they end. */
async function sampleMemory(pid: number, signal: AbortSignal): Promise<number[]> {
  const samples: number[] = [];
  const until = performance.now() + rampMs;
  while (!signal.aborted) {
    if (performance.now() >= until) samples.push((await memoryOf(pid)).megabytes);
    await sleep(sampleMs);
  }
  return samples;
}
