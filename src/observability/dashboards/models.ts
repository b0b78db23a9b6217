import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
import { Percent, PercentUnit, RequestsPerSecond, Seconds, Short } from '@grafana/grafana-foundation-sdk/units';
import { chosenAtWorker as chosen, chosenAtGateway, deploymentChoices } from '../choices.ts';
import { dashboard } from '../dashboard.ts';
import { columns, figure, graph, quantiles } from '../panels.ts';

const tokensPerSecond = 'suffix: tok/s';
const generated = `rate(vllm:generation_tokens_total{${chosen}}[$__rate_interval])`;
const prompted = `rate(vllm:prompt_tokens_total{${chosen}}[$__rate_interval])`;
const reused = `rate(modelfleet_worker_cached_prompt_tokens_total{${chosen}}[$__rate_interval])`;
// A replica is ready, draining or neither; both gauges are 0 or 1 and never 1 together.
const unready = `1 - modelfleet_worker_ready{${chosen}} - modelfleet_worker_draining{${chosen}}`;
const readyAtGateway = `min by (model) (modelfleet_gateway_ready_replicas{${chosenAtGateway}})`;

/** Gives series of workers the label by which gateways name deployments. */
const byModel = (aggregate: string, expr: string) =>
  `label_join(${aggregate} by (namespace, model_name) (${expr}), "model", "/", "namespace", "model_name")`;
/** The same without the labels it was joined from, so that rows of a table merge. */
const perModel = (aggregate: string, expr: string) => `sum by (model) (${byModel(aggregate, expr)})`;

/** Each model: which replicas serve, how the others load, and what the engines do. */
export function modelsDashboard(): Dashboard {
  return dashboard({
    uid: 'modelfleet-models',
    title: 'Models',
    description: 'Which models serve, how far are the others, and how fast do the engines generate?',
    choices: deploymentChoices,
    rows: [
      {
        title: 'Now',
        panels: [
          figure({
            title: 'Models that serve',
            description: 'Deployments with a ready replica.',
            unit: Short,
            query: { expr: `sum(${readyAtGateway} > bool 0)`, legend: 'serving' },
          }),
          figure({
            title: 'Models without a ready replica',
            description: 'Loading, failing, scaled to zero or suspended: `kubectl get mdep -A` says which.',
            unit: Short,
            query: { expr: `sum(${readyAtGateway} == bool 0)`, legend: 'not serving' },
          }),
          figure({
            title: 'Replicas not ready',
            description: 'Replicas that run, but load or have failed. Pods without a node or an image are not seen here.',
            unit: Short,
            query: { expr: `sum(${unready})`, legend: 'not ready' },
          }),
          figure({
            title: 'Generated tokens',
            description: 'All chosen models together.',
            unit: tokensPerSecond,
            query: { expr: `sum(${generated})`, legend: 'generated' },
          }),
          columns({
            title: 'Models',
            description:
              'Ready: as gateways see it. Load: the current phase of the slowest replica that is not ready. Empty: no such replica.',
            key: 'model',
            columns: [
              { name: 'Ready', expr: readyAtGateway, unit: Short },
              { name: 'Not ready', expr: perModel('sum', unready), unit: Short },
              {
                name: 'Load',
                expr: perModel('min', `modelfleet_worker_load_percent{${chosen}} and modelfleet_worker_ready{${chosen}} == 0`),
                unit: Percent,
              },
              { name: 'Waiting', expr: `sum by (model) (modelfleet_gateway_queue_length{${chosenAtGateway}})`, unit: Short },
              { name: 'Being answered', expr: `sum by (model) (modelfleet_gateway_requests_in_flight{${chosenAtGateway}})`, unit: Short },
              { name: 'Generated', expr: perModel('sum', generated), unit: tokensPerSecond },
            ],
          }),
        ],
      },
      {
        title: 'Replicas',
        panels: [
          graph({
            title: 'Replicas by state',
            description: 'Not ready: loading or failed.',
            unit: Short,
            queries: [
              { expr: `sum(modelfleet_worker_ready{${chosen}})`, legend: 'ready' },
              { expr: `sum(${unready})`, legend: 'not ready' },
              { expr: `sum(modelfleet_worker_draining{${chosen}})`, legend: 'draining' },
            ],
            stacked: true,
          }),
          graph({
            title: 'Load of replicas that are not ready',
            description: 'Done of the current phase; each phase begins at 0. A flat line is a stalled or failed load.',
            unit: Percent,
            queries: [{ expr: `modelfleet_worker_load_percent{${chosen}} and modelfleet_worker_ready{${chosen}} == 0`, legend: '{{pod}}' }],
            max: 100,
          }),
          graph({
            title: 'Failed loads and engines',
            description: 'By pod and reason since the worker started. The reference of reasons says what to do about each.',
            unit: Short,
            queries: [
              {
                expr: `modelfleet_worker_engine_failures_total and on (job, instance) modelfleet_worker_ready{${chosen}}`,
                legend: '{{pod}} {{reason}}',
              },
            ],
          }),
        ],
      },
      {
        title: 'Engines',
        panels: [
          graph({
            title: 'Tokens by model',
            description: 'Prompts in, answers out, of all replicas of a model.',
            unit: tokensPerSecond,
            queries: [
              { expr: byModel('sum', generated), legend: '{{model}} out' },
              { expr: byModel('sum', prompted), legend: '{{model}} in' },
            ],
          }),
          graph({
            title: 'Prompt tokens reused',
            description: 'Share of prompt tokens whose computation was reused: the same system prompts and conversations make it high.',
            unit: PercentUnit,
            queries: [{ expr: `${byModel('sum', reused)} / on (model) ${byModel('sum', prompted)}`, legend: '{{model}}' }],
            max: 1,
          }),
          graph({
            title: 'Time to first token',
            description: 'In the worker: its own wait and the prompt. The wait before that is on the Gateway dashboard.',
            unit: Seconds,
            queries: quantiles('vllm:time_to_first_token_seconds', chosen),
          }),
          graph({
            title: 'Time between tokens',
            description: 'The pace that readers of a stream see. It grows with the number of sequences in a batch.',
            unit: Seconds,
            queries: quantiles('vllm:inter_token_latency_seconds', chosen),
          }),
          graph({
            title: 'Running and waiting in workers',
            description: 'Gateways hold what workers cannot take: a wait here beyond moments means more sequences are allowed than run.',
            unit: Short,
            queries: [
              { expr: byModel('sum', `vllm:num_requests_running{${chosen}}`), legend: '{{model}} running' },
              { expr: byModel('sum', `vllm:num_requests_waiting{${chosen}}`), legend: '{{model}} waiting' },
            ],
            stacked: true,
          }),
          graph({
            title: 'Answers by finish reason',
            description: '“length” is an answer cut at its limit of tokens: many of them mean that callers get half sentences.',
            unit: RequestsPerSecond,
            queries: [
              {
                expr: `sum by (finished_reason) (rate(vllm:request_success_total{${chosen}}[$__rate_interval]))`,
                legend: '{{finished_reason}}',
              },
            ],
            stacked: true,
          }),
        ],
      },
    ],
  });
}
