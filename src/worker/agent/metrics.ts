import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { FinishReason } from '../engines/engine.ts';

/** Numbers that only the agent knows, read when metrics are scraped. */
export type MetricsSource = {
  readonly running: () => number;
  readonly waiting: () => number;
  /** 0 to 1. */
  readonly kvCacheUsage: () => number;
  readonly loadPercent: () => number;
  readonly ready: () => boolean;
  readonly draining: () => boolean;
};

/** The worker's metrics: `modelfleet_*` are ours; `vllm:*` carry vLLM's names, so that dashboards made for it work. */
export class WorkerMetrics {
  readonly registry = new Registry();
  private readonly model: string;
  private readonly requests: Counter<'endpoint' | 'code'>;
  private readonly engineStarts: Counter;
  private readonly engineFailures: Counter<'reason'>;
  private readonly promptTokens: Counter<'model_name'>;
  private readonly cachedTokens: Counter<'model_name'>;
  private readonly generationTokens: Counter<'model_name'>;
  private readonly successes: Counter<'model_name' | 'finished_reason'>;
  private readonly timeToFirstToken: Histogram<'model_name'>;
  private readonly interToken: Histogram<'model_name'>;
  private readonly endToEnd: Histogram<'model_name'>;

  constructor(model: string, source: MetricsSource) {
    this.model = model;
    const registers = [this.registry];
    const labelNames = ['model_name'] as const;
    const gauge = (name: string, help: string, read: () => number) => {
      new Gauge({
        name,
        help,
        registers,
        labelNames,
        collect() {
          this.set({ model_name: model }, read());
        },
      });
    };
    gauge('modelfleet_worker_ready', '1 while the model is loaded and requests are taken.', () => Number(source.ready()));
    gauge('modelfleet_worker_draining', '1 while the worker refuses new requests and finishes old ones.', () => Number(source.draining()));
    gauge('modelfleet_worker_load_percent', 'How much of the current load phase is done, 0 to 100; NaN when unknown.', source.loadPercent);
    gauge('vllm:num_requests_running', 'Requests that generate now.', source.running);
    gauge('vllm:num_requests_waiting', 'Requests that wait for a sequence.', source.waiting);
    gauge('vllm:kv_cache_usage_perc', 'The part of the KV cache that running requests have, 0 to 1.', source.kvCacheUsage);
    this.requests = new Counter({
      name: 'modelfleet_worker_requests_total',
      help: 'Answered requests by endpoint and HTTP status.',
      registers,
      labelNames: ['endpoint', 'code'],
    });
    this.engineStarts = new Counter({ name: 'modelfleet_worker_engine_starts_total', help: 'Engine processes started.', registers });
    this.engineFailures = new Counter({
      name: 'modelfleet_worker_engine_failures_total',
      help: 'Loads or engines that failed, by reason.',
      registers,
      labelNames: ['reason'],
    });
    this.promptTokens = new Counter({
      name: 'vllm:prompt_tokens_total',
      help: 'Prompt tokens of accepted requests.',
      registers,
      labelNames,
    });
    this.cachedTokens = new Counter({
      name: 'modelfleet_worker_cached_prompt_tokens_total',
      help: 'Prompt tokens whose computation was reused.',
      registers,
      labelNames,
    });
    this.generationTokens = new Counter({ name: 'vllm:generation_tokens_total', help: 'Generated tokens.', registers, labelNames });
    this.successes = new Counter({
      name: 'vllm:request_success_total',
      help: 'Finished requests by finish reason.',
      registers,
      labelNames: ['model_name', 'finished_reason'],
    });
    this.timeToFirstToken = new Histogram({
      name: 'vllm:time_to_first_token_seconds',
      help: 'From the arrival of a request to its first token.',
      registers,
      labelNames,
      buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
    });
    this.interToken = new Histogram({
      name: 'vllm:inter_token_latency_seconds',
      help: 'Between tokens of a request.',
      registers,
      labelNames,
      buckets: [0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
    });
    this.endToEnd = new Histogram({
      name: 'vllm:e2e_request_latency_seconds',
      help: 'From the arrival of a request to its last token.',
      registers,
      labelNames,
      buckets: [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600],
    });
  }

  answered(endpoint: string, code: number): void {
    this.requests.inc({ endpoint, code: String(code) });
  }

  engineStarted(): void {
    this.engineStarts.inc();
  }

  engineFailed(reason: string): void {
    this.engineFailures.inc({ reason });
  }

  promptAccepted(tokens: number, cached: number): void {
    this.promptTokens.inc({ model_name: this.model }, tokens);
    this.cachedTokens.inc({ model_name: this.model }, cached);
  }

  firstToken(seconds: number): void {
    this.timeToFirstToken.observe({ model_name: this.model }, seconds);
  }

  nextToken(seconds: number): void {
    this.interToken.observe({ model_name: this.model }, seconds);
  }

  generated(tokens: number): void {
    this.generationTokens.inc({ model_name: this.model }, tokens);
  }

  finished(reason: FinishReason, seconds: number): void {
    this.successes.inc({ model_name: this.model, finished_reason: reason });
    this.endToEnd.observe({ model_name: this.model }, seconds);
  }
}
