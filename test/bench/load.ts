import { performance } from 'node:perf_hooks';
import { Pool } from 'undici';

export type Load = {
  readonly requests: number;
  readonly connections: number;
  readonly path: string;
  readonly body: string;
  readonly headers?: Record<string, string>;
};

/** What a bounded run of requests measured: milliseconds per request, and how many bytes and server-sent events came back. */
export type LoadResult = {
  readonly latenciesMs: readonly number[];
  readonly seconds: number;
  readonly events: number;
  readonly failures: number;
};

/** Sends `requests` POSTs over `connections` keep-alive connections, each as soon as the one before has ended. */
export async function runLoad(origin: string, load: Load): Promise<LoadResult> {
  const pool = new Pool(origin, { connections: load.connections, pipelining: 1, headersTimeout: 0, bodyTimeout: 0 });
  const latenciesMs: number[] = [];
  let events = 0;
  let failures = 0;
  let left = load.requests;
  const began = performance.now();
  const caller = async () => {
    while (left > 0) {
      left -= 1;
      const start = performance.now();
      const response = await pool.request({
        path: load.path,
        method: 'POST',
        headers: { 'content-type': 'application/json', ...load.headers },
        body: load.body,
      });
      for await (const chunk of response.body) events += countEvents(chunk as Buffer);
      if (response.statusCode !== 200) failures += 1;
      latenciesMs.push(performance.now() - start);
    }
  };
  await Promise.all(Array.from({ length: load.connections }, caller));
  const seconds = (performance.now() - began) / 1000;
  await pool.close();
  return { latenciesMs, seconds, events, failures };
}

function countEvents(chunk: Buffer): number {
  let count = 0;
  for (let at = chunk.indexOf('\n\n'); at >= 0; at = chunk.indexOf('\n\n', at + 2)) count += 1;
  return count;
}
