import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { Pool } from 'undici';
import { eventually } from '../../src/kube/testing/eventually.fake.ts';
import { streamedAnswer, wholeAnswer } from '../fakes/mock-worker.ts';

const pauseMs = 10;

/** A caller who asks for one answer after the other, streams in turn with whole ones, and remembers all that was not as it should be. */
export class SteadyCaller {
  answered = 0;
  /** The longest time that an answer took, in milliseconds. */
  longestMs = 0;
  readonly troubles: string[] = [];
  private readonly pool: Pool;
  private readonly key: string;
  private readonly stopping = new AbortController();
  private readonly running: Promise<void>;

  constructor(origin: string, key: string) {
    this.key = key;
    this.pool = new Pool(origin, { connections: 1, headersTimeout: 20_000, bodyTimeout: 20_000 });
    this.running = this.run();
  }

  /** Resolves when it has got another two answers: a stream and a whole one. */
  async twoMore(): Promise<void> {
    const enough = this.answered + 2;
    await eventually(() => this.answered >= enough || this.troubles.length > 0, 20_000);
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
    await this.pool.destroy();
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    for (let turn = 0; !signal.aborted; turn += 1) {
      const began = performance.now();
      await this.ask(turn % 2 === 0).catch((error: unknown) => this.troubles.push(String(error)));
      this.longestMs = Math.max(this.longestMs, performance.now() - began);
      await sleep(pauseMs, undefined, { signal }).catch(() => undefined); // stopped
    }
  }

  private async ask(stream: boolean): Promise<void> {
    const { statusCode, body } = await this.pool.request({
      path: '/v1/chat/completions',
      method: 'POST',
      headers: { authorization: `Bearer ${this.key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'steady' }], stream }),
    });
    const text = await body.text();
    if (statusCode !== 200) this.troubles.push(`${statusCode} ${text}`);
    else if (text !== (stream ? streamedAnswer('m', 8) : wholeAnswer('m'))) this.troubles.push(`another answer: ${text}`);
    else this.answered += 1;
  }
}
