import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { Clock } from '../core/clock.ts';
import type { ResponseObserver } from './client/transport.ts';
import type { ControllerMetrics, ControllerObserver, LeaderElectionMetrics, QueueObserver } from './runtime/observers.ts';

// controller-runtime's buckets, so that its dashboards and alerts fit.
const reconcileBuckets = [
  0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.25, 1.5, 1.75, 2, 2.5, 3, 3.5, 4, 4.5,
  5, 6, 7, 8, 9, 10, 15, 20, 25, 30, 40, 50, 60,
];
const queueBuckets = [0.001, 0.01, 0.1, 1, 10, 100, 1000];
const results = ['success', 'error', 'requeue', 'requeue_after'] as const;

type InWork = { readonly startTimes: Iterable<number> };

/** The kernel's metrics under the names of controller-runtime and client-go, on a registry of the caller's. One for each registry. */
export class KubeMetrics implements ControllerMetrics, LeaderElectionMetrics {
  /** Give this to a KubeClient as `onResponse`. */
  readonly onResponse: ResponseObserver;
  private readonly reconciles: Counter<'controller' | 'result'>;
  private readonly errors: Counter<'controller'>;
  private readonly terminalErrors: Counter<'controller'>;
  private readonly panics: Counter<'controller'>;
  private readonly timeouts: Counter<'controller'>;
  private readonly durations: Histogram<'controller'>;
  private readonly maxConcurrent: Gauge<'controller'>;
  private readonly active: Gauge<'controller'>;
  private readonly depth: Gauge<'name' | 'controller'>;
  private readonly adds: Counter<'name' | 'controller'>;
  private readonly queueDurations: Histogram<'name' | 'controller'>;
  private readonly workDurations: Histogram<'name' | 'controller'>;
  private readonly retries: Counter<'name' | 'controller'>;
  private readonly master: Gauge<'name'>;
  private readonly queues = new Map<string, { readonly queue: InWork; readonly clock: Clock }>();

  constructor(registry: Registry) {
    const registers = [registry];
    const ofController = { labelNames: ['controller'] as const, registers };
    const ofQueue = { labelNames: ['name', 'controller'] as const, registers };
    this.reconciles = new Counter({
      name: 'controller_runtime_reconcile_total',
      help: 'Reconciles by controller and result.',
      labelNames: ['controller', 'result'],
      registers,
    });
    this.errors = new Counter({ name: 'controller_runtime_reconcile_errors_total', help: 'Reconciles that failed.', ...ofController });
    this.terminalErrors = new Counter({
      name: 'controller_runtime_terminal_reconcile_errors_total',
      help: 'Reconciles that failed in a way that is not retried.',
      ...ofController,
    });
    this.panics = new Counter({
      name: 'controller_runtime_reconcile_panics_total',
      help: 'Reconciles that failed by a bug.',
      ...ofController,
    });
    this.timeouts = new Counter({
      name: 'controller_runtime_reconcile_timeouts_total',
      help: 'Reconciles that took too long.',
      ...ofController,
    });
    this.durations = new Histogram({
      name: 'controller_runtime_reconcile_time_seconds',
      help: 'Duration of reconciles.',
      buckets: reconcileBuckets,
      ...ofController,
    });
    this.maxConcurrent = new Gauge({
      name: 'controller_runtime_max_concurrent_reconciles',
      help: 'Reconciles that a controller may run at a time.',
      ...ofController,
    });
    this.active = new Gauge({
      name: 'controller_runtime_active_workers',
      help: 'Reconciles that run now.',
      ...ofController,
    });
    this.depth = new Gauge({ name: 'workqueue_depth', help: 'Keys that wait for a worker.', ...ofQueue });
    this.adds = new Counter({ name: 'workqueue_adds_total', help: 'Keys added.', ...ofQueue });
    this.queueDurations = new Histogram({
      name: 'workqueue_queue_duration_seconds',
      help: 'How long keys waited for a worker.',
      buckets: queueBuckets,
      ...ofQueue,
    });
    this.workDurations = new Histogram({
      name: 'workqueue_work_duration_seconds',
      help: 'How long workers had a key.',
      buckets: queueBuckets,
      ...ofQueue,
    });
    this.retries = new Counter({ name: 'workqueue_retries_total', help: 'Keys added again after a failure.', ...ofQueue });
    this.measureWorkInProgress('workqueue_unfinished_work_seconds', 'Time spent so far on keys in work, all together.', registers, sum);
    this.measureWorkInProgress(
      'workqueue_longest_running_processor_seconds',
      'Time spent so far on the oldest key in work.',
      registers,
      max,
    );
    this.master = new Gauge({
      name: 'leader_election_master_status',
      help: 'Whether this process leads: 1, or 0 while it stands by.',
      labelNames: ['name'],
      registers,
    });
    this.onResponse = countResponses(registry);
  }

  /** Every series of the controller exists from the start: a rate over a series that appears with its first error shows nothing. */
  controller(name: string, concurrency: number): ControllerObserver {
    const controller = { controller: name };
    for (const result of results) this.reconciles.inc({ ...controller, result }, 0);
    for (const counter of [this.errors, this.terminalErrors, this.panics, this.timeouts]) counter.inc(controller, 0);
    this.maxConcurrent.set(controller, concurrency);
    this.active.set(controller, 0);
    return {
      started: () => this.active.inc(controller),
      ended: () => this.active.dec(controller),
      timedOut: () => this.timeouts.inc(controller),
      reconciled: (outcome, durationMs) => {
        this.reconciles.inc({ ...controller, result: outcome.result });
        if (outcome.result === 'error') this.errors.inc(controller);
        if (outcome.terminal) this.terminalErrors.inc(controller);
        if (outcome.panic) this.panics.inc(controller);
        this.durations.observe(controller, durationMs / 1000);
      },
    };
  }

  /** The observer for a controller's queue. */
  queue(name: string): QueueObserver {
    const labels = { name, controller: name };
    this.depth.set(labels, 0);
    this.adds.inc(labels, 0);
    this.retries.inc(labels, 0);
    return {
      added: (depth) => {
        this.adds.inc(labels);
        this.depth.set(labels, depth);
      },
      taken: (depth, waitedMs) => {
        this.depth.set(labels, depth);
        this.queueDurations.observe(labels, waitedMs / 1000);
      },
      finished: (workedMs) => this.workDurations.observe(labels, workedMs / 1000),
      retried: () => this.retries.inc(labels),
    };
  }

  /** Measures the work in progress of a controller's queue at every scrape. */
  watchQueue(name: string, queue: InWork, clock: Clock): void {
    this.queues.set(name, { queue, clock });
  }

  /** The observer for the election of a lease's leader. */
  leaderElection(name: string): (leading: boolean) => void {
    this.master.set({ name }, 0);
    return (leading) => this.master.set({ name }, leading ? 1 : 0);
  }

  private measureWorkInProgress(name: string, help: string, registers: Registry[], reduce: (seconds: readonly number[]) => number): void {
    const { queues } = this;
    new Gauge({
      name,
      help,
      labelNames: ['name', 'controller'],
      registers,
      collect() {
        for (const [controller, { queue, clock }] of queues) {
          const now = clock.now();
          this.set({ name: controller, controller }, reduce([...queue.startTimes].map((startedAt) => (now - startedAt) / 1000)));
        }
      },
    });
  }
}

/** Counts the answers of the API server on a registry: give it to a KubeClient as `onResponse`, in a process without controllers. */
export function countResponses(registry: Registry): ResponseObserver {
  const responses = new Counter({
    name: 'rest_client_requests_total',
    help: 'Requests to the API server by status code, method and host.',
    labelNames: ['code', 'method', 'host'],
    registers: [registry],
  });
  return ({ code, method, host }) => responses.inc({ code, method, host });
}

const sum = (seconds: readonly number[]) => seconds.reduce((total, value) => total + value, 0);
const max = (seconds: readonly number[]) => Math.max(0, ...seconds);
