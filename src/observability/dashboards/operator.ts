import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
import { OpsPerSecond, RequestsPerSecond, Seconds, Short } from '@grafana/grafana-foundation-sdk/units';
import { installation } from '../choices.ts';
import { dashboard } from '../dashboard.ts';
import { controllerMark } from '../marks.ts';
import { figure, graph, quantiles } from '../panels.ts';
import { processRow } from '../process-row.ts';

const chosen = 'controller="modeldeployment", namespace=~"$installation"';
const controllers = controllerMark(', namespace=~"$installation"');
const requests = `rate(rest_client_requests_total[$__rate_interval]) and on (job, instance) ${controllers}`;
const writes = `rate(rest_client_requests_total{method!="GET"}[$__rate_interval]) and on (job, instance) ${controllers}`;

/** Whether the controller does its work, how fast, and what it costs the API server. */
export function operatorDashboard(): Dashboard {
  return dashboard({
    uid: 'modelfleet-operator',
    title: 'Operator',
    description: 'Is the controller at work, does it keep up, and what does it ask of the API server?',
    choices: [installation],
    rows: [
      {
        title: 'Now',
        panels: [
          figure({
            title: 'Leader',
            description:
              'The pod that reconciles; the others stand by. Nobody leads for some seconds when a leader dies, and never for long.',
            unit: Short,
            query: {
              expr: 'leader_election_master_status{name="modelfleet-controller", namespace=~"$installation"} == 1',
              legend: '{{pod}}',
            },
            showName: true,
            noValue: 'nobody',
          }),
          figure({
            title: 'Controllers',
            description: 'Controller pods that Prometheus sees, leader and standbys.',
            unit: Short,
            query: { expr: `count${controllers}`, legend: 'controllers' },
          }),
          figure({
            title: 'Failed reconciles, last hour',
            description:
              'Each is tried again with growing pauses. A few after a restart of the API server are normal; a steady stream is not.',
            unit: Short,
            query: { expr: `sum(increase(controller_runtime_reconcile_errors_total{${chosen}}[1h]))`, legend: 'failed' },
            alarm: 1,
          }),
          figure({
            title: 'Oldest reconcile at work',
            description: 'How long the slowest reconcile of now has run. One is cut off after 60 s.',
            unit: Seconds,
            query: { expr: `max(workqueue_longest_running_processor_seconds{${chosen}})`, legend: 'oldest' },
            alarm: 60,
          }),
        ],
      },
      {
        title: 'Reconciling',
        panels: [
          graph({
            title: 'Reconciles by result',
            description: '“requeue_after” is a visit planned for later. “error” is tried again with growing pauses.',
            unit: OpsPerSecond,
            queries: [
              {
                expr: `sum by (result) (rate(controller_runtime_reconcile_total{${chosen}}[$__rate_interval]))`,
                legend: '{{result}}',
              },
            ],
            stacked: true,
          }),
          graph({
            title: 'Reconcile time',
            description: 'How long one reconcile takes. What is slow is almost always the API server.',
            unit: Seconds,
            queries: quantiles('controller_runtime_reconcile_time_seconds', chosen),
          }),
          graph({
            title: 'Wait in the queue',
            description: 'From a change that was seen to the reconcile that acts on it: what users feel as a slow operator.',
            unit: Seconds,
            queries: quantiles('workqueue_queue_duration_seconds', chosen),
          }),
          graph({
            title: 'Queue and workers',
            description:
              'Deployments that wait for a reconcile, and reconciles at work. All workers busy and a growing queue: it does not keep up.',
            unit: Short,
            queries: [
              { expr: `sum(workqueue_depth{${chosen}})`, legend: 'waiting' },
              { expr: `sum(controller_runtime_active_workers{${chosen}})`, legend: 'at work' },
            ],
          }),
          graph({
            title: 'API requests by code',
            description:
              '403 is a right that the ServiceAccount lacks, 409 a conflict that is tried again, 429 an API server that asks for patience.',
            unit: RequestsPerSecond,
            queries: [{ expr: `sum by (code) (${requests})`, legend: '{{code}}' }],
            stacked: true,
          }),
          graph({
            title: 'API writes by method',
            description: 'An operator at rest renews its lease and writes nothing else. Writes without changes are a fight with somebody.',
            unit: RequestsPerSecond,
            queries: [{ expr: `sum by (method) (${writes})`, legend: '{{method}}' }],
            stacked: true,
          }),
        ],
      },
      processRow(controllers),
    ],
  });
}
