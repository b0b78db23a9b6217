import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { Pool } from 'undici';

type CallersOptions = { readonly path: string; readonly model: string; readonly apiKey: string; readonly count: number };

/** What callers have got since the last `reset`: TTFT also of those who still wait, as long as they have waited. */
type Found = { readonly tokens: number; readonly refusals: number; readonly ttftMs: readonly number[]; readonly seconds: number };

/** Callers who ask for a stream again as soon as they have got one, and wait as long as they are told when they are refused. */
export class Callers {
  private readonly pool: Pool;
  private readonly options: CallersOptions;
  private readonly body: string;
  private readonly stopping = new AbortController();
  private readonly running: Promise<void>[];
  private readonly waitingSince = new Map<number, number>();
  private tokens = 0;
  private refusals = 0;
  private ttftMs: number[] = [];
  private since = performance.now();

  constructor(origin: string, options: CallersOptions) {
    this.options = options;
    this.pool = new Pool(origin, { connections: options.count, pipelining: 1, headersTimeout: 0, bodyTimeout: 0 });
    const messages = [{ role: 'user', content: 'x'.repeat(380) }];
    this.body = JSON.stringify({ model: options.model, messages, stream: true, stream_options: { include_usage: true }, max_tokens: 180 });
    this.running = Array.from({ length: options.count }, (_, caller) => this.call(caller));
  }

  reset(): void {
    this.tokens = 0;
    this.refusals = 0;
    this.ttftMs = [];
    this.since = performance.now();
  }

  found(): Found {
    const now = performance.now();
    const waiting = [...this.waitingSince.values()].map((since) => now - since);
    return { tokens: this.tokens, refusals: this.refusals, ttftMs: [...this.ttftMs, ...waiting], seconds: (now - this.since) / 1000 };
  }

  /** Breaks off all calls. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await Promise.all(this.running);
    await this.pool.destroy();
  }

  private async call(caller: number): Promise<void> {
    const { signal } = this.stopping;
    try {
      while (!signal.aborted) await this.ask(caller, signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  private async ask(caller: number, signal: AbortSignal): Promise<void> {
    const { path, apiKey } = this.options;
    const asked = performance.now();
    this.waitingSince.set(caller, asked);
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${apiKey}` };
    const response = await this.pool.request({ path, method: 'POST', headers, body: this.body, signal });
    this.waitingSince.delete(caller);
    if (response.statusCode !== 200) {
      await response.body.dump();
      if (response.statusCode !== 429 && response.statusCode !== 503) throw new Error(`the gateway answered ${response.statusCode}`);
      this.refusals += 1;
      await sleep(1000 * Number(response.headers['retry-after'] ?? 1), undefined, { signal });
      return;
    }
    this.ttftMs.push(performance.now() - asked);
    // In two steps: `+=` would read the sum before the wait.
    const tokens = completionTokens(await response.body.text());
    this.tokens += tokens;
  }
}

function completionTokens(events: string): number {
  return Number(/"completion_tokens":(\d+)/.exec(events)?.[1] ?? 0);
}
