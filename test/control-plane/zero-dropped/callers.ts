import { type Dispatcher, Pool } from 'undici';
import { describeError } from '../../../src/core/failure.ts';
import { isJsonObject } from '../../../src/core/json.ts';
import { answerOf } from './words.ts';

/** What callers saw in one phase of a test. */
export type Tally = { readonly since: number; requests: number; streams: number; frames: number; readonly failures: string[] };

type Asked = { readonly model: string; readonly key: string; readonly words: number };

/** So many words that a drain finds most answers half said. */
const wordsOfStream = 20;
const wordsOfWhole = 5;

/**
 * Callers of a model through several gateways, each on kept connections: as soon as an answer has ended, its caller asks again.
 * An answer counts only when it is all there: status 200, every word, the usage, and `[DONE]` at the end of a stream.
 */
export class Callers {
  private readonly pools: readonly Pool[];
  private readonly tallies = new Map<string, Tally>();
  private readonly running: Promise<void>[] = [];
  private phase = '';
  private ended: Promise<void> | undefined;
  private asking = 0;

  constructor(gateways: readonly string[]) {
    this.pools = gateways.map((url) => new Pool(url, { connections: null, headersTimeout: 0, bodyTimeout: 0, keepAliveTimeout: 60_000 }));
  }

  /** Begins `streams` callers of streams and `wholes` callers of whole answers. */
  start(streams: number, wholes: number, model: string, key: string): void {
    for (let index = 0; index < streams + wholes; index += 1) {
      const pool = this.pools[index % this.pools.length];
      if (pool) this.running.push(this.call(pool, index < streams, { model, key, words: index < streams ? wordsOfStream : wordsOfWhole }));
    }
  }

  /** Counts for this phase from now on: a request counts where it ends. */
  enter(phase: string): void {
    this.phase = phase;
    this.tallies.set(phase, { since: Date.now(), requests: 0, streams: 0, frames: 0, failures: [] });
  }

  /** What was seen so far, by phase. */
  get seen(): ReadonlyMap<string, Tally> {
    return this.tallies;
  }

  /** Callers that wait for an answer or its end. */
  get underway(): number {
    return this.asking;
  }

  /** What was seen in this phase so far. */
  get current(): Tally {
    const tally = this.tallies.get(this.phase);
    if (!tally) throw new Error('no phase was entered');
    return tally;
  }

  /** Lets every caller finish the answer that it waits for. */
  stop(): Promise<void> {
    this.ended ??= Promise.all(this.running).then(async () => void (await Promise.all(this.pools.map((pool) => pool.close()))));
    return this.ended;
  }

  private async call(pool: Pool, streams: boolean, asked: Asked): Promise<void> {
    while (!this.ended) {
      const began = this.phase;
      const startedAt = Date.now();
      let failure: string | undefined;
      let frames = 0;
      this.asking += 1;
      try {
        if (streams) frames = await stream(pool, asked);
        else await whole(pool, asked);
      } catch (error) {
        failure = `${streams ? 'stream' : 'request'} begun in "${began}", after ${Date.now() - startedAt} ms: ${describeError(error)}`;
      }
      this.asking -= 1;
      const tally = this.current;
      tally.requests += 1;
      tally.frames += frames;
      if (failure !== undefined) tally.failures.push(failure);
      else if (streams) tally.streams += 1;
    }
  }
}

async function stream(pool: Pool, asked: Asked): Promise<number> {
  const { body } = await post(pool, asked, { stream: true, stream_options: { include_usage: true } });
  return requireStream(await body.text(), asked.words);
}

async function post(pool: Pool, { model, key, words }: Asked, more: object): Promise<Dispatcher.ResponseData> {
  const answer = await pool.request({
    path: '/v1/chat/completions',
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model, messages: [{ role: 'user', content: 'Say your words.' }], max_tokens: words, ...more }),
  });
  if (answer.statusCode !== 200) throw new Error(`status ${answer.statusCode}: ${await answer.body.text()}`);
  return answer;
}

async function whole(pool: Pool, asked: Asked): Promise<void> {
  const { body } = await post(pool, asked, {});
  const answer: unknown = await body.json();
  const text = JSON.stringify(answer);
  if (!text.includes(JSON.stringify(answerOf(asked.words)))) throw new Error(`words are missing: ${text}`);
  if (!text.includes(`"completion_tokens":${asked.words}`)) throw new Error(`the usage is wrong: ${text}`);
}

/** The number of frames of a stream that is whole; throws what is missing otherwise. */
function requireStream(text: string, words: number): number {
  const frames = text.split('\n\n').filter((frame) => frame !== '');
  const last = frames.at(-1);
  if (last !== 'data: [DONE]') throw new Error(`the stream broke after ${frames.length} frames: ${last}`);
  let said = '';
  let usage: unknown;
  for (const frame of frames.slice(0, -1)) {
    const document: unknown = JSON.parse(frame.replace(/^data: /, ''));
    if (!isJsonObject(document)) throw new Error(`no frame of a completion: ${frame}`);
    const [choice] = Array.isArray(document.choices) ? document.choices : [];
    const delta = isJsonObject(choice) && isJsonObject(choice.delta) ? choice.delta : {};
    said += delta.content ?? '';
    usage = document.usage ?? usage;
  }
  if (said !== answerOf(words)) throw new Error(`words are missing: ${said}`);
  if (!isJsonObject(usage) || usage.completion_tokens !== words) throw new Error(`the usage is missing or wrong: ${JSON.stringify(usage)}`);
  return frames.length;
}
