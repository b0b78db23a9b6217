import { Counter, Gauge, type Registry } from 'prom-client';
import type { Exchange } from './exchange.ts';
import type { Gate } from './limits/gate.ts';
import type { ModelLine } from './line.ts';
import type { Models } from './models.ts';
import { ModelCounter } from './series/model-counter.ts';
import { ModelHistogram } from './series/model-histogram.ts';

/** Label of requests that named no model that exists: what callers write never becomes a label. */
const unknownModel = 'unknown';

const waitBuckets = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60];
const firstByteBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const durationBuckets = [0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600];

/** What of a finished exchange is counted. */
export type Finished = Pick<Exchange, 'model' | 'outcome' | 'arrivedAt' | 'leasedAt' | 'firstByteAt' | 'cache' | 'place' | 'retries'>;

/** The gateway's Prometheus metrics. Labels are deployments (`namespace/name`) and status codes, nothing else. */
export class GatewayMetrics {
  private readonly requests: ModelCounter;
  private readonly retries: ModelCounter;
  private readonly queueFull: ModelCounter;
  private readonly limitRefusals: Counter<'limit' | 'scope'>;
  private readonly queueWait: ModelHistogram;
  private readonly firstByte: ModelHistogram;
  private readonly duration: ModelHistogram;
  private readonly cache: ModelCounter;
  private readonly models: Models;

  constructor(registry: Registry, models: Models, usageLog?: { readonly lost: number }) {
    this.models = models;
    const registers = [registry];
    const common = { registry, keeps: (model: string) => model === unknownModel || models.find(model) !== undefined };
    this.requests = new ModelCounter({
      ...common,
      name: 'modelfleet_gateway_requests_total',
      help: 'Requests by deployment and status code; 499: the caller left, 502 and 504 also count answers that broke off.',
      label: 'code',
    });
    this.retries = new ModelCounter({
      ...common,
      name: 'modelfleet_gateway_upstream_retries_total',
      help: 'Requests sent to another replica because one failed before it answered.',
    });
    this.queueFull = new ModelCounter({
      ...common,
      name: 'modelfleet_gateway_queue_refusals_total',
      help: 'Requests refused because the queue was full, also those that had to yield to another tenant’s.',
    });
    this.limitRefusals = new Counter({
      name: 'modelfleet_gateway_limit_refusals_total',
      help: 'Requests refused by a limit of a tenant, of a key or of a model for a tenant: the scope.',
      labelNames: ['limit', 'scope'],
      registers,
    });
    this.queueWait = new ModelHistogram({
      ...common,
      name: 'modelfleet_gateway_queue_wait_seconds',
      help: 'Time from arrival until a replica had a free slot.',
      buckets: waitBuckets,
    });
    this.firstByte = new ModelHistogram({
      ...common,
      name: 'modelfleet_gateway_first_byte_seconds',
      help: 'Time from arrival until the first byte of a replica’s answer.',
      buckets: firstByteBuckets,
    });
    this.duration = new ModelHistogram({
      ...common,
      name: 'modelfleet_gateway_request_duration_seconds',
      help: 'Time from arrival until the end of the answer.',
      buckets: durationBuckets,
    });
    this.cache = new ModelCounter({
      ...common,
      name: 'modelfleet_gateway_cache_requests_total',
      help: 'Requests whose answer might be one that was given before, by result: hit or miss.',
      label: 'result',
    });
    if (usageLog) {
      new Gauge({
        name: 'modelfleet_gateway_usage_records_lost',
        help: 'Records of the usage log, or of its stream, that could not be written since the start; only with one of them.',
        registers,
        collect() {
          this.set(usageLog.lost);
        },
      });
    }
    gauge(registry, 'modelfleet_gateway_requests_in_flight', 'Requests that replicas are answering.', models, (line) => line.inFlight);
    gauge(registry, 'modelfleet_gateway_queue_length', 'Requests that wait for a free replica.', models, (line) => line.length);
    new Gauge({
      name: 'modelfleet_gateway_queue_priority_length',
      help: 'Requests that wait for a free replica, by the priority of their tenants.',
      labelNames: ['model', 'priority'],
      registers,
      collect() {
        this.reset();
        for (const { spec, line } of models.all())
          for (const [priority, length] of line.lengths) this.set({ model: spec.key, priority }, length);
      },
    });
    gauge(
      registry,
      'modelfleet_gateway_queue_tokens',
      'Tokens, estimated, of the requests that wait.',
      models,
      (line) => line.queuedTokens,
    );
    gauge(registry, 'modelfleet_gateway_ready_replicas', 'Replicas that may be sent to.', models, (line) => line.readyReplicas);
    gauge(
      registry,
      'modelfleet_gateway_ejected_replicas',
      'Ready replicas that get nothing for a while, because they failed too often.',
      models,
      (line) => line.ejectedReplicas,
    );
  }

  /** Counts a finished exchange; `now` is milliseconds of the clock that stamped it. */
  record(exchange: Finished, now: number): void {
    const key = exchange.model?.spec.key;
    // A deployment that was deleted meanwhile must not come back as a series.
    const model = key !== undefined && this.models.find(key) ? key : unknownModel;
    this.requests.of(model, exchange.outcome).inc();
    if (model === unknownModel) return;
    this.duration.of(model).observe((now - exchange.arrivedAt) / 1000);
    if (exchange.leasedAt !== undefined) this.queueWait.of(model).observe((exchange.leasedAt - exchange.arrivedAt) / 1000);
    if (exchange.firstByteAt !== undefined) this.firstByte.of(model).observe((exchange.firstByteAt - exchange.arrivedAt) / 1000);
    if (exchange.cache) this.cache.of(model, exchange.cache).inc();
    const turn = exchange.place?.turn;
    if (turn?.kind === 'refused' && turn.why === 'full') this.queueFull.of(model).inc();
    if (exchange.retries > 0) this.retries.of(model).inc(exchange.retries);
  }

  /** Counts a refusal by the limit that causes it. */
  refused({ name, scope }: Gate): void {
    this.limitRefusals.inc({ limit: name, scope });
  }
}

function gauge(registry: Registry, name: string, help: string, models: Models, value: (line: ModelLine) => number): void {
  new Gauge({
    name,
    help,
    labelNames: ['model'],
    registers: [registry],
    collect() {
      this.reset();
      for (const { spec, line } of models.all()) this.set({ model: spec.key }, value(line));
    },
  });
}
