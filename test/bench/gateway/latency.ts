import { performance } from 'node:perf_hooks';
import { Connection, expectOk } from '../load.ts';
import { FrameReader } from './frames.ts';
import type { Samples } from './rounds.ts';
import { type Subject, streamRequest, wholeRequest } from './subject.ts';

/** Milliseconds of each call, in blocks: a moment in which the machine was slow spoils one of them. */
export type Latencies = ReadonlyMap<Subject, readonly Samples[]>;

type Plan = { readonly blocks: number; readonly calls: number };

/** Until a whole answer is complete, over one connection. */
export function measureAnswers(subjects: readonly Subject[], plan: Plan): Promise<Latencies> {
  return inTheSameLoop(subjects, plan, (subject) => {
    const request = wholeRequest(subject);
    return async (connection) => {
      const asked = performance.now();
      expectOk(await connection.ask(request));
      return performance.now() - asked;
    };
  });
}

/** Until the first frame of a stream is there, over one connection. */
export function measureFirstFrames(subjects: readonly Subject[], plan: Plan): Promise<Latencies> {
  return inTheSameLoop(subjects, plan, (subject) => {
    const request = streamRequest(subject, { frames: 2, paceMs: 1 });
    return async (connection) => {
      const reader = new FrameReader();
      const asked = performance.now();
      let first = Number.NaN;
      const status = await connection.ask(request, (bytes) => {
        if (reader.take(bytes) > 0 && Number.isNaN(first)) first = performance.now() - asked;
      });
      expectOk(status);
      return first;
    };
  });
}

/** Asks each of the subjects once, in their order and against it by turns, over and over. */
async function inTheSameLoop(
  subjects: readonly Subject[],
  { blocks, calls }: Plan,
  caller: (subject: Subject) => (connection: Connection) => Promise<number>,
): Promise<Latencies> {
  const lines = await Promise.all(
    subjects.map(async (subject) => ({
      call: caller(subject),
      connection: await Connection.open(subject.origin),
      blocks: Array.from({ length: blocks }, (): number[] => []),
    })),
  );
  const backwards = lines.toReversed();
  try {
    for (let block = 0; block < blocks; block += 1)
      for (let call = 0; call < calls; call += 1)
        for (const line of call % 2 === 0 ? lines : backwards) line.blocks[block]?.push(await line.call(line.connection));
  } finally {
    for (const { connection } of lines) connection.close();
  }
  return new Map(subjects.map((subject, index) => [subject, lines[index]?.blocks ?? []]));
}
