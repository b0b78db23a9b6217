import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
import { PercentUnit, RequestsPerSecond, Seconds, Short } from '@grafana/grafana-foundation-sdk/units';
import { chosenAtGateway as chosen, deploymentChoices } from '../choices.ts';
import { dashboard } from '../dashboard.ts';
import { gatewayMark } from '../marks.ts';
import { figure, graph, quantiles } from '../panels.ts';
import { processRow } from '../process-row.ts';

const requests = `rate(modelfleet_gateway_requests_total{${chosen}}[$__rate_interval])`;
const failures = `rate(modelfleet_gateway_requests_total{${chosen}, code=~"5.."}[$__rate_interval])`;

const cached = (selector: string) =>
  `sum by (model) (rate(modelfleet_gateway_cache_requests_total{${chosen}${selector}}[$__rate_interval]))`;
const hits = cached(', result="hit"');
const cacheable = cached('');

/** What callers get: how much, how fast, how long they wait, and what fails. */
export function gatewayDashboard(): Dashboard {
  return dashboard({
    uid: 'modelfleet-gateway',
    title: 'Gateway',
    description: 'What do callers get: how much, how fast, how long do they wait, and what fails?',
    choices: deploymentChoices,
    rows: [
      {
        title: 'Now',
        panels: [
          figure({
            title: 'Requests',
            description: 'Finished requests, of all codes. A stream counts when it ends.',
            unit: RequestsPerSecond,
            query: { expr: `sum(${requests})`, legend: 'requests' },
          }),
          figure({
            title: 'Failed',
            description: 'Share of requests that ended with 5xx, broken streams included. Callers who left (499) are no failures.',
            unit: PercentUnit,
            query: { expr: `(sum(${failures}) or vector(0)) / sum(${requests})`, legend: 'failed' },
            alarm: 0.05,
          }),
          figure({
            title: 'Being answered',
            description: 'Requests, streams among them, that replicas are answering.',
            unit: Short,
            query: { expr: `sum(modelfleet_gateway_requests_in_flight{${chosen}})`, legend: 'in flight' },
          }),
          figure({
            title: 'Waiting',
            description: 'Requests held until a replica has a free slot, or until there is a replica at all.',
            unit: Short,
            query: { expr: `sum(modelfleet_gateway_queue_length{${chosen}})`, legend: 'waiting' },
          }),
        ],
      },
      {
        title: 'Answers',
        panels: [
          graph({
            title: 'Requests by model',
            description: 'Who is asked how much.',
            unit: RequestsPerSecond,
            queries: [{ expr: `sum by (model) (${requests})`, legend: '{{model}}' }],
            stacked: true,
          }),
          graph({
            title: 'Requests by code',
            description:
              '429: the queue is full, or a limit of the tenant. 499: the caller left. 502, 504: a replica failed or was silent. 503: no replica in time.',
            unit: RequestsPerSecond,
            queries: [{ expr: `sum by (code) (${requests})`, legend: '{{code}}' }],
            stacked: true,
          }),
          graph({
            title: 'Refused before a model was found',
            description: '401: keys that are unknown or expired. 404: models that do not exist. Names that callers write become no labels.',
            unit: RequestsPerSecond,
            queries: [
              {
                expr: 'sum by (code) (rate(modelfleet_gateway_requests_total{model="unknown"}[$__rate_interval]))',
                legend: '{{code}}',
              },
            ],
            stacked: true,
          }),
          graph({
            title: 'Time to first byte',
            description: 'From arrival to the first byte of the answer, the wait included: for a stream, the time to its first token.',
            unit: Seconds,
            queries: quantiles('modelfleet_gateway_first_byte_seconds', chosen),
          }),
          graph({
            title: 'Request duration',
            description: 'From arrival to the end of the answer. Long answers are long: compare with the same hour of another day.',
            unit: Seconds,
            queries: quantiles('modelfleet_gateway_request_duration_seconds', chosen),
          }),
          graph({
            title: 'Wait for a free replica',
            description: 'The part of the time to first byte that more replicas would save.',
            unit: Seconds,
            queries: quantiles('modelfleet_gateway_queue_wait_seconds', chosen),
          }),
          graph({
            title: 'In the system by model',
            description: 'Waiting and being answered: the load that more replicas would share.',
            unit: Short,
            queries: [
              { expr: `sum by (model) (modelfleet_gateway_queue_length{${chosen}})`, legend: '{{model}} waiting' },
              { expr: `sum by (model) (modelfleet_gateway_requests_in_flight{${chosen}})`, legend: '{{model}} being answered' },
            ],
            stacked: true,
          }),
          graph({
            title: 'Ready replicas by model',
            description:
              'Replicas that may be sent to, as the gateway knows the least of which sees them. Zero while requests wait: see Models.',
            unit: Short,
            queries: [{ expr: `min by (model) (modelfleet_gateway_ready_replicas{${chosen}})`, legend: '{{model}}' }],
          }),
          graph({
            title: 'Retries by model',
            description: 'Requests sent to another replica because one failed before it answered. Callers saw nothing but the delay.',
            unit: RequestsPerSecond,
            queries: [
              {
                expr: `sum by (model) (rate(modelfleet_gateway_upstream_retries_total{${chosen}}[$__rate_interval]))`,
                legend: '{{model}}',
              },
            ],
          }),
        ],
      },
      {
        title: 'Tenants',
        panels: [
          graph({
            title: 'Refused by limits',
            description: '429 by the limit that causes it, and by whose it is: of a tenant, of a key, or of a model for a tenant.',
            unit: RequestsPerSecond,
            queries: [
              {
                expr: 'sum by (limit, scope) (rate(modelfleet_gateway_limit_refusals_total[$__rate_interval]))',
                legend: '{{limit}} of a {{scope}}',
              },
            ],
            stacked: true,
          }),
          graph({
            title: 'Waiting by priority',
            description: 'Who waits while slots are scarce: higher priorities go first, the others get one slot in sixteen.',
            unit: Short,
            queries: [{ expr: `sum by (priority) (modelfleet_gateway_queue_priority_length{${chosen}})`, legend: 'priority {{priority}}' }],
            stacked: true,
          }),
          graph({
            title: 'Answers given again',
            description: 'Share of the requests that may be answered from the cache, and were. They cost no tokens and no slot.',
            unit: PercentUnit,
            queries: [{ expr: `(${hits} or 0 * ${cacheable}) / ${cacheable}`, legend: '{{model}}' }],
            max: 1,
          }),
          graph({
            title: 'Limits counted together',
            description:
              '1 while a gateway counts limits together with the others, 0 while it has lost their store and holds its share alone. Empty where there is no store.',
            unit: Short,
            queries: [{ expr: 'max by (pod) (modelfleet_gateway_limits_shared)', legend: '{{pod}}' }],
            max: 1,
          }),
          graph({
            title: 'Usage records lost',
            description: 'Records of the usage log that could not be written. Anything above zero makes sums too small.',
            unit: Short,
            queries: [{ expr: 'sum by (pod) (increase(modelfleet_gateway_usage_records_lost[$__rate_interval]))', legend: '{{pod}}' }],
          }),
          graph({
            title: 'Woken and put to sleep',
            description: 'Models that a call has woken from zero replicas, and models that nobody called for their idle time.',
            unit: Short,
            queries: [
              { expr: `sum by (model) (increase(modelfleet_scaling_wakes_total{${chosen}}[$__rate_interval]))`, legend: '{{model}} woken' },
              {
                expr: `sum by (model) (increase(modelfleet_scaling_sleeps_total{${chosen}}[$__rate_interval]))`,
                legend: '{{model}} asleep',
              },
            ],
          }),
        ],
      },
      processRow(gatewayMark),
    ],
  });
}
