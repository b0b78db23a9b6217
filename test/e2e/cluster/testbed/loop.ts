import { setTimeout } from 'node:timers/promises';

// A steady client: RATE completions a second over keep-alive connections until SIGTERM, then a summary as JSON on the last line.
// A failure is told when it happens; nothing is ever retried.

const { GATEWAY = '', KEY = '', MODEL = '', RATE = '20' } = process.env;
const everyMs = 1000 / Number(RATE);
const timeoutMs = 20_000;
const failures: string[] = [];
const latencies: number[] = [];
const open = new Set<Promise<void>>();
let stopped = false;
process.once('SIGTERM', () => {
  stopped = true;
});

async function ask(): Promise<void> {
  const began = performance.now();
  try {
    const response = await fetch(`${GATEWAY}/v1/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: MODEL, prompt: 'Hi', max_tokens: 1 }),
      signal: AbortSignal.timeout(timeoutMs),
    });
    const body = await response.text();
    if (!response.ok) throw new Error(`${response.status} ${body}`);
    latencies.push(performance.now() - began);
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? `: ${error.cause.message}` : '';
    failures.push(`${new Date().toISOString()} after ${Math.round(performance.now() - began)} ms: ${String(error)}${cause}`);
    console.log(failures.at(-1));
  }
}

for (let next = performance.now(); !stopped; next += everyMs) {
  const asked: Promise<void> = ask().finally(() => open.delete(asked));
  open.add(asked);
  if (latencies.length % 100 === 99) console.log(`${latencies.length} answered, ${failures.length} failed, ${open.size} open`);
  await setTimeout(Math.max(0, next + everyMs - performance.now()));
}
await Promise.all(open);
latencies.sort((a, b) => a - b);
const at = (share: number) => Math.round(latencies[Math.floor(latencies.length * share)] ?? 0);
console.log(
  JSON.stringify({ answered: latencies.length, failures, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: Math.round(latencies.at(-1) ?? 0) }),
);
