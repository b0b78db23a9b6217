/** Series and their values, one a minute, in promtool's notation. */
export type Series = Readonly<Record<string, string>>;
type Case = {
  /** Minutes after which it is looked at. */
  readonly at: number;
  readonly fires: Series;
  /** The labels that the alert then has beside its name and severity. */
  readonly labels: Readonly<Record<string, string>>;
  /** What must not fire, by why. */
  readonly quiet: Readonly<Record<string, Series>>;
};

const system = 'namespace="modelfleet-system"';
const first = `job="controller", instance="a", pod="controller-a", ${system}`;
const second = `job="controller", instance="b", pod="controller-b", ${system}`;
const worker = 'namespace="models", pod="qwen-1", job="worker", instance="w1", model_name="qwen"';
const leads = (where: string) => `leader_election_master_status{name="modelfleet-controller", ${where}}`;
const reconciles = (result: string) => `controller_runtime_reconcile_total{controller="modeldeployment", result="${result}", ${first}}`;
const reconcileErrors = `controller_runtime_reconcile_errors_total{controller="modeldeployment", ${first}}`;
const queued = (le: string) =>
  `workqueue_queue_duration_seconds_bucket{name="modeldeployment", controller="modeldeployment", le="${le}", ${first}}`;
const statsAge = (where: string, pod: string) => `modelfleet_gateway_stats_age_seconds{gateway="modelfleet-system/${pod}", ${where}}`;
const refused = (where: string) => `rest_client_requests_total{code="403", method="PATCH", host="api", ${where}}`;
const requests = (code: number, model = 'models/qwen') =>
  `modelfleet_gateway_requests_total{model="${model}", code="${code}", job="gateway", instance="g", pod="gateway-a", ${system}}`;
const gateway = (metric: string, more = '') =>
  `modelfleet_gateway_${metric}{model="models/qwen", job="gateway", instance="g", ${system}${more}}`;

const shared = (pod: string) => `modelfleet_gateway_limits_shared{job="gateway", instance="${pod}", pod="${pod}", ${system}}`;
const connected = (server: string, pod: string) =>
  `modelfleet_gateway_${server}_connected{job="gateway", instance="${pod}", pod="${pod}", ${system}}`;
const recordsLost = (pod: string) => `modelfleet_gateway_usage_records_lost{job="gateway", instance="${pod}", pod="${pod}", ${system}}`;

/** For each alert, when it fires and when it does not. */
export const alertCases: Readonly<Record<string, Case>> = {
  ModelfleetControllerAbsent: {
    at: 10,
    fires: { up: '1x10' },
    labels: {},
    quiet: {
      'all stand by': { [leads(first)]: '0x10' },
      'one runs without an election': { [`controller_runtime_max_concurrent_reconciles{controller="modeldeployment", ${first}}`]: '8x10' },
    },
  },
  ModelfleetControllerWithoutLeader: {
    at: 5,
    fires: { [leads(first)]: '0x5', [leads(second)]: '0x5' },
    labels: { namespace: 'modelfleet-system' },
    quiet: {
      'one of two leads': { [leads(first)]: '0x5', [leads(second)]: '1x5' },
      'the lead is handed over': { [leads(first)]: '1 1 1 0 0 0', [leads(second)]: '0 0 0 0 1 1' },
    },
  },
  ModelfleetReconcilesFail: {
    at: 20,
    fires: { [reconcileErrors]: '0+6x20', [reconciles('error')]: '0+6x20', [reconciles('success')]: '0+2x20' },
    labels: { namespace: 'modelfleet-system' },
    quiet: {
      'one in ten fails': { [reconcileErrors]: '0+1x20', [reconciles('error')]: '0+1x20', [reconciles('success')]: '0+9x20' },
      'nothing is done': { [reconcileErrors]: '9x20', [reconciles('error')]: '9x20', [reconciles('success')]: '0x20' },
    },
  },
  ModelfleetReconcileKeepsFailing: {
    at: 100,
    fires: { [reconcileErrors]: '0+1x100' },
    labels: { namespace: 'modelfleet-system' },
    quiet: { 'the API server was away for a while': { [reconcileErrors]: '0x50 0+9x5 45x50' } },
  },
  ModelfleetReconcileQueueSlow: {
    at: 20,
    fires: { [queued('10')]: '0x20', [queued('100')]: '0+5x20', [queued('+Inf')]: '0+5x20' },
    labels: { namespace: 'modelfleet-system' },
    quiet: { 'all are taken at once': { [queued('10')]: '0+5x20', [queued('100')]: '0+5x20', [queued('+Inf')]: '0+5x20' } },
  },
  ModelfleetApiRequestsForbidden: {
    at: 20,
    fires: { [refused(first)]: '0+1x20', [leads(first)]: '1x20' },
    labels: { namespace: 'modelfleet-system', pod: 'controller-a', code: '403' },
    quiet: { 'it is another operator': { [refused('job="other", instance="o"')]: '0+1x20', [leads(first)]: '1x20' } },
  },
  ModelfleetGatewaySilent: {
    at: 5,
    fires: { [statsAge(first, 'gateway-1')]: '0.5 30 90 150 210 270', [statsAge(first, 'gateway-2')]: '0.5x5' },
    labels: { namespace: 'modelfleet-system', pod: 'controller-a', gateway: 'modelfleet-system/gateway-1' },
    quiet: {
      'it was away for a moment': { [statsAge(first, 'gateway-1')]: '0.5 0.5 0.5 0.5 30 0.5' },
      'its pod is gone': { [statsAge(first, 'gateway-1')]: '0.5 30 stale' },
    },
  },
  ModelfleetEventLoopBlocked: {
    at: 20,
    fires: { [`nodejs_eventloop_lag_p99_seconds{${first}}`]: '0.8x20', [leads(first)]: '1x20' },
    labels: { namespace: 'modelfleet-system', pod: 'controller-a', job: 'controller', instance: 'a' },
    quiet: {
      'it is in time': { [`nodejs_eventloop_lag_p99_seconds{${first}}`]: '0.02x20', [leads(first)]: '1x20' },
      'it is another program': { 'nodejs_eventloop_lag_p99_seconds{job="other", instance="o"}': '0.8x20', [leads(first)]: '1x20' },
    },
  },
  ModelfleetGatewayAbsent: {
    at: 10,
    fires: { [`modelfleet_worker_ready{${worker}}`]: '1x10' },
    labels: {},
    quiet: {
      'there are no models': { up: '1x10' },
      'a gateway is there': { [`modelfleet_worker_ready{${worker}}`]: '1x10', [gateway('ready_replicas')]: '1x10' },
    },
  },
  ModelfleetRequestsFail: {
    at: 20,
    fires: { [requests(200)]: '0+10x20', [requests(502)]: '0+2x20' },
    labels: { model: 'models/qwen' },
    quiet: {
      'callers are wrong or leave': { [requests(200)]: '0+10x20', [requests(400)]: '0+5x20', [requests(499)]: '0+5x20' },
      'one in a hundred fails': { [requests(200)]: '0+99x20', [requests(500)]: '0+1x20' },
      'the gateway starts': { [requests(503, 'unknown')]: '0+9x20' },
    },
  },
  ModelfleetRequestsHeldWithoutReplica: {
    at: 10,
    fires: { [gateway('queue_length')]: '3 0 0 2 0 0 3 0 0 1 0', [gateway('ready_replicas')]: '0x10' },
    labels: { model: 'models/qwen' },
    quiet: {
      'a replica works them off': { [gateway('queue_length')]: '3x10', [gateway('ready_replicas')]: '1x10' },
      'nobody calls a model at zero': { [gateway('queue_length')]: '0x10', [gateway('ready_replicas')]: '0x10' },
      'it woke up': { [gateway('queue_length')]: '3 3 3 0x8', [gateway('ready_replicas')]: '0 0 0 1x8' },
    },
  },
  ModelfleetGatewayQueueFull: {
    at: 15,
    fires: { [gateway('queue_refusals_total')]: '0+2x15' },
    labels: { model: 'models/qwen' },
    quiet: { 'it was full once': { [gateway('queue_refusals_total')]: '0 5x15' } },
  },
  ModelfleetGatewayQueueSlow: {
    at: 20,
    fires: {
      [gateway('queue_wait_seconds_bucket', ', le="10"')]: '0x20',
      [gateway('queue_wait_seconds_bucket', ', le="30"')]: '0+4x20',
      [gateway('queue_wait_seconds_bucket', ', le="+Inf"')]: '0+4x20',
    },
    labels: { model: 'models/qwen' },
    quiet: {
      'slots are free': {
        [gateway('queue_wait_seconds_bucket', ', le="10"')]: '0+4x20',
        [gateway('queue_wait_seconds_bucket', ', le="+Inf"')]: '0+4x20',
      },
    },
  },
  ModelfleetGatewayRetries: {
    at: 20,
    fires: { [gateway('upstream_retries_total')]: '0+1x20', [requests(200)]: '0+10x20' },
    labels: { model: 'models/qwen' },
    quiet: { 'a pod was deleted': { [gateway('upstream_retries_total')]: '0 2x20', [requests(200)]: '0+10x20' } },
  },
  ModelfleetLimitsNotShared: {
    at: 5,
    fires: { [shared('gateway-a')]: '1 0x4', [shared('gateway-b')]: '1x5' },
    labels: { namespace: 'modelfleet-system', pod: 'gateway-a' },
    quiet: {
      'the store started anew': { [shared('gateway-a')]: '1 1 1 0 0 1' },
      'limits are counted alone by intention': { [gateway('ready_replicas')]: '1x5' },
    },
  },
  ModelfleetCacheGone: {
    at: 10,
    fires: { [connected('cache', 'gateway-a')]: '1 0x9', [connected('cache', 'gateway-b')]: '1x10' },
    labels: { namespace: 'modelfleet-system', pod: 'gateway-a' },
    quiet: {
      'the server started anew': { [connected('cache', 'gateway-a')]: '1x5 0x2 1x3' },
      'answers are kept in each gateway': { [gateway('ready_replicas')]: '1x10' },
    },
  },
  ModelfleetUsageStreamGone: {
    at: 10,
    fires: { [connected('usage_stream', 'gateway-a')]: '1 0x9', [connected('usage_stream', 'gateway-b')]: '1x10' },
    labels: { namespace: 'modelfleet-system', pod: 'gateway-a' },
    quiet: {
      'the server started anew': { [connected('usage_stream', 'gateway-a')]: '1x5 0x2 1x3' },
      'there is no stream': { [gateway('ready_replicas')]: '1x10' },
    },
  },
  ModelfleetUsageRecordsLost: {
    at: 20,
    fires: { [recordsLost('gateway-a')]: '0x10 3x10', [recordsLost('gateway-b')]: '0x20' },
    labels: { namespace: 'modelfleet-system', pod: 'gateway-a' },
    quiet: {
      'what was lost has been told': { [recordsLost('gateway-a')]: '0 3x20' },
      'the gateway started anew': { [recordsLost('gateway-a')]: '3x10 0x10' },
    },
  },
  ModelfleetLoadStalled: {
    at: 20,
    fires: {
      [`modelfleet_worker_ready{${worker}}`]: '0x20',
      [`modelfleet_worker_draining{${worker}}`]: '0x20',
      [`modelfleet_worker_load_percent{${worker}}`]: '41.5x20',
    },
    labels: { namespace: 'models', pod: 'qwen-1', model_name: 'qwen', job: 'worker', instance: 'w1' },
    quiet: {
      'it gets on': {
        [`modelfleet_worker_ready{${worker}}`]: '0x20',
        [`modelfleet_worker_draining{${worker}}`]: '0x20',
        [`modelfleet_worker_load_percent{${worker}}`]: '0+0.1x20',
      },
      'how far it is cannot be known': {
        [`modelfleet_worker_ready{${worker}}`]: '0x20',
        [`modelfleet_worker_draining{${worker}}`]: '0x20',
        [`modelfleet_worker_load_percent{${worker}}`]: 'NaN '.repeat(20),
      },
      'it serves': {
        [`modelfleet_worker_ready{${worker}}`]: '1x20',
        [`modelfleet_worker_draining{${worker}}`]: '0x20',
        [`modelfleet_worker_load_percent{${worker}}`]: '100x20',
      },
      'it drains': {
        [`modelfleet_worker_ready{${worker}}`]: '0x20',
        [`modelfleet_worker_draining{${worker}}`]: '1x20',
        [`modelfleet_worker_load_percent{${worker}}`]: '100x20',
      },
    },
  },
  ModelfleetModelNotReady: {
    at: 40,
    fires: { [`modelfleet_worker_ready{${worker}}`]: '0x40' },
    labels: { namespace: 'models', model_name: 'qwen' },
    quiet: {
      'another replica serves': {
        [`modelfleet_worker_ready{${worker}}`]: '0x40',
        [`modelfleet_worker_ready{${worker.replaceAll('1', '2')}}`]: '1x40',
      },
      'it took a while': { [`modelfleet_worker_ready{${worker}}`]: '0x25 1x15' },
    },
  },
  ModelfleetEngineRestarts: {
    at: 30,
    fires: { [`modelfleet_worker_engine_starts_total{${worker}}`]: '1x4 2x4 3x4 4x4 5x4 6x4 7x4' },
    labels: { namespace: 'models', pod: 'qwen-1', model_name: 'qwen', job: 'worker', instance: 'w1' },
    quiet: { 'it crashed once': { [`modelfleet_worker_engine_starts_total{${worker}}`]: '0 1x10 2x20' } },
  },
};
