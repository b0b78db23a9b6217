import { setTimeout as sleep } from 'node:timers/promises';
import { askFor, type Connection, expectOk, withConnections } from '../load.ts';
import { cpuMicros } from '../processes.ts';
import { FrameReader } from './frames.ts';
import { type Subject, streamRequest, wholeRequest } from './subject.ts';

const callers = 32;
const streams = 100;
const shape = { frames: 64, paceMs: 20 };

/** V8 has compiled by then what is hot; counted, because on a busy machine a time would not do. */
const warmRequests = 10_000;

/** Asks until it is warm, for so long at most; resolves with how many answers came. */
export function warmUp(subject: Subject, atMostSeconds: number): Promise<number> {
  const request = wholeRequest(subject);
  return withConnections(subject.origin, callers, (connections) => askFor(atMostSeconds * 1_000, connections, request, warmRequests));
}

/** CPU time of the subject, user and system, in microseconds a request: whole answers over 32 connections for so long. */
export function cpuPerRequest(subject: Subject, seconds: number): Promise<number> {
  const request = wholeRequest(subject);
  return withConnections(subject.origin, callers, (connections) => cpuOfEach(subject, () => askFor(seconds * 1_000, connections, request)));
}

/** The same for a chunk of 100 streams at a time, of 64 chunks that are 20 ms apart; a chunk's part of what a stream costs at its begin is in it. */
export function cpuPerChunk(subject: Subject): Promise<number> {
  const request = streamRequest(subject, shape);
  return withConnections(subject.origin, streams, (connections) =>
    cpuOfEach(subject, async () => {
      const frames = await Promise.all(connections.map((connection, index) => readStream(connection, request, index)));
      return frames.reduce((sum, each) => sum + each, 0);
    }),
  );
}

async function cpuOfEach({ process: { pid } }: Subject, work: () => Promise<number>): Promise<number> {
  const before = await cpuMicros(pid);
  const count = await work();
  return ((await cpuMicros(pid)) - before) / count;
}

async function readStream(connection: Connection, request: Buffer, index: number): Promise<number> {
  // Spread over the pace, as callers who know nothing of each other are.
  await sleep((index / streams) * shape.paceMs);
  const reader = new FrameReader();
  expectOk(await connection.ask(request, (bytes) => reader.take(bytes)));
  if (reader.received !== shape.frames || !reader.done) throw new Error(`a stream of the benchmark had ${reader.received} frames`);
  return reader.received;
}
