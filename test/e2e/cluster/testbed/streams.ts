import { setTimeout } from 'node:timers/promises';

// STREAMS callers at once, each with one streamed chat after the other until SIGTERM, then a summary as JSON on the last line; the first
// says when they began. A stream is whole when it was answered with 200 and ended with its usage and [DONE]; nothing is ever retried.

const { GATEWAY = '', KEY = '', MODEL = '', STREAMS = '50', TOKENS = '16' } = process.env;
const timeoutMs = 180_000;
const failures: string[] = [];
let [streams, frames, stopped] = [0, 0, false];
process.once('SIGTERM', () => {
  stopped = true;
});

async function stream(): Promise<void> {
  const began = performance.now();
  try {
    const response = await fetch(`${GATEWAY}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        model: MODEL,
        stream: true,
        stream_options: { include_usage: true },
        max_tokens: Number(TOKENS),
        messages: [{ role: 'user', content: 'Tell me about the sea.' }],
      }),
      signal: AbortSignal.timeout(timeoutMs),
    });
    const body = await response.text();
    if (!response.ok) throw new Error(`${response.status} ${body}`);
    const events = body.split('\n\n').filter((event) => event.startsWith('data: '));
    if (events.at(-1) !== 'data: [DONE]' || !/"completion_tokens":\s*[1-9]/.test(events.at(-2) ?? ''))
      throw new Error(`the stream broke off: ${body.slice(-300)}`);
    streams += 1;
    frames += events.length;
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? `: ${error.cause.message}` : '';
    failures.push(`${new Date().toISOString()} after ${Math.round(performance.now() - began)} ms: ${String(error)}${cause}`);
    console.log(failures.at(-1));
    await setTimeout(250); // whoever finds nobody there does not ask a thousand times a second
  }
}

async function caller(): Promise<void> {
  while (!stopped) await stream();
}

console.log(`began ${Date.now()}`);
await Promise.all(Array.from({ length: Number(STREAMS) }, caller));
console.log(JSON.stringify({ streams, frames, failures }));
