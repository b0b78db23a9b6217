import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { FakeClock } from '../core/fake-clock.ts';
import { KubeMetrics } from './metrics.ts';
import { WorkQueue } from './runtime/work-queue.ts';

test('speaks the names of controller-runtime and client-go', async () => {
  const registry = new Registry();
  const metrics = new KubeMetrics(registry);
  metrics.onResponse({ code: '200', method: 'GET', host: 'server:6443' });
  const names = registry.getMetricsAsArray().map(({ name }) => name);
  expect(names.sort()).toEqual([
    'controller_runtime_active_workers',
    'controller_runtime_max_concurrent_reconciles',
    'controller_runtime_reconcile_errors_total',
    'controller_runtime_reconcile_panics_total',
    'controller_runtime_reconcile_time_seconds',
    'controller_runtime_reconcile_timeouts_total',
    'controller_runtime_reconcile_total',
    'controller_runtime_terminal_reconcile_errors_total',
    'leader_election_master_status',
    'rest_client_requests_total',
    'workqueue_adds_total',
    'workqueue_depth',
    'workqueue_longest_running_processor_seconds',
    'workqueue_queue_duration_seconds',
    'workqueue_retries_total',
    'workqueue_unfinished_work_seconds',
    'workqueue_work_duration_seconds',
  ]);
  expect(await registry.metrics()).toContain('rest_client_requests_total{code="200",method="GET",host="server:6443"} 1');
});

test('shows what a queue has in work, and how long keys waited', async () => {
  const registry = new Registry();
  const metrics = new KubeMetrics(registry);
  const clock = new FakeClock();
  const queue = new WorkQueue({ clock, observer: metrics.queue('models') });
  metrics.watchQueue('models', queue, clock);
  const labels = 'name="models",controller="models"';
  for (const key of ['a', 'b', 'c']) queue.add(key);
  await clock.advance(2_000);
  await queue.take();
  await clock.advance(3_000);
  await queue.take();
  await clock.advance(1_000);
  const text = await registry.metrics();
  expect(text).toContain(`workqueue_depth{${labels}} 1\n`);
  expect(text).toContain(`workqueue_adds_total{${labels}} 3\n`);
  expect(text).toContain(`workqueue_unfinished_work_seconds{${labels}} 5\n`);
  expect(text).toContain(`workqueue_longest_running_processor_seconds{${labels}} 4\n`);
  expect(text).toContain(`workqueue_queue_duration_seconds_sum{${labels}} 7\n`);
  queue.done('a');
  expect(await registry.metrics()).toContain(`workqueue_work_duration_seconds_sum{${labels}} 4\n`);
});
