import { controllerMark, gatewayMark } from './marks.ts';
import { processMetrics } from './process-row.ts';

/** An alert of Prometheus with the runbook that its annotations carry. */
type Alert = {
  readonly name: string;
  readonly expr: string;
  /** How long it must hold before anybody is told. */
  readonly for: string;
  /** `critical`: callers get nothing, or nothing is operated: now. `warning`: in working hours. */
  readonly severity: 'critical' | 'warning';
  readonly summary: string;
  readonly description: string;
  /** What to do about it. */
  readonly runbook: string;
};

export type AlertGroup = { readonly name: string; readonly alerts: readonly Alert[] };

const processes = `(${controllerMark()} or ${gatewayMark})`;
const chosen = 'controller="modeldeployment"';
const failing = `rate(controller_runtime_reconcile_errors_total{${chosen}}[5m])`;
const reconciling = `rate(controller_runtime_reconcile_total{${chosen}}[5m])`;
const notReady = '(modelfleet_worker_ready == 0 unless modelfleet_worker_draining == 1)';

const operator: AlertGroup = {
  name: 'modelfleet-operator',
  alerts: [
    {
      name: 'ModelfleetControllerAbsent',
      expr: `absent${controllerMark()}`,
      for: '5m',
      severity: 'critical',
      summary: 'No Modelfleet controller is seen.',
      description: 'Prometheus scrapes no controller. Models that serve go on serving, but nothing is started, replaced or scaled.',
      runbook:
        '`kubectl get pods -A | grep modelfleet-controller`, then events and logs of what you find. If they run, look for what keeps Prometheus from their port 8081: the ServiceMonitor or a NetworkPolicy.',
    },
    {
      name: 'ModelfleetControllerWithoutLeader',
      expr: 'max by (namespace) (leader_election_master_status{name="modelfleet-controller"}) == 0',
      for: '2m',
      severity: 'critical',
      summary: 'No controller in {{ $labels.namespace }} leads.',
      description: 'Controllers run, but none holds the lease, so nothing is reconciled. A take-over needs 20 s at most.',
      runbook:
        'Read the lease, `kubectl -n {{ $labels.namespace }} get lease modelfleet-controller -o yaml`, and the logs of the controllers. Usual causes: the API server does not answer them, or their Role lacks update on leases.',
    },
    {
      name: 'ModelfleetReconcilesFail',
      expr: `sum by (namespace) (${failing}) / sum by (namespace) (${reconciling}) > 0.5`,
      for: '10m',
      severity: 'critical',
      summary: 'Most reconciles of the controller in {{ $labels.namespace }} fail.',
      description:
        '{{ $value | humanizePercentage }} of the reconciles of the last 5 minutes failed: no deployment is brought to what its spec says.',
      runbook:
        'See “API requests by code” on the dashboard Modelfleet / Operator: 403 is a missing right, 5xx or nothing at all is the API server. The log of the leader has the error of each reconcile.',
    },
    {
      name: 'ModelfleetReconcileKeepsFailing',
      expr: `sum by (namespace) (increase(controller_runtime_reconcile_errors_total{${chosen}}[30m])) > 0`,
      for: '1h',
      severity: 'warning',
      summary: 'A reconcile keeps failing in {{ $labels.namespace }}.',
      description: 'Reconciles have failed in every half hour of the last hour: some deployment is not brought to what its spec says.',
      runbook:
        'The log of the leader, `kubectl -n {{ $labels.namespace }} logs deploy/modelfleet-controller --all-pods`, names the deployment and the error. An error marked as a bug is one: please report it with its stack.',
    },
    {
      name: 'ModelfleetReconcileQueueSlow',
      expr: `histogram_quantile(0.95, sum by (namespace, le) (rate(workqueue_queue_duration_seconds_bucket{${chosen}}[5m]))) > 10`,
      for: '10m',
      severity: 'warning',
      summary: 'The controller in {{ $labels.namespace }} does not keep up.',
      description: 'A changed deployment waits {{ $value | humanizeDuration }} (p95) before the controller looks at it.',
      runbook:
        'See “Reconcile time” and “Processes” on the dashboard Modelfleet / Operator. Slow reconciles: the API server is slow or throttles. A core in full use: give the controller more CPU.',
    },
    {
      name: 'ModelfleetApiRequestsForbidden',
      expr: `sum by (namespace, pod, code) (increase(rest_client_requests_total{code=~"401|403"}[10m]) and on (job, instance) ${controllerMark()}) > 0`,
      for: '5m',
      severity: 'warning',
      summary: 'The API server refuses requests of {{ $labels.namespace }}/{{ $labels.pod }} ({{ $labels.code }}).',
      description: 'The process lacks a right that it needs (403), or its token is not accepted (401).',
      runbook:
        'The log of the pod says which request. Compare with the chart’s roles, which grant exactly what is needed: `helm template` them again, and look for a policy that takes rights away.',
    },
    {
      name: 'ModelfleetGatewaySilent',
      expr: 'max by (namespace, pod, gateway) (modelfleet_gateway_stats_age_seconds) > 10',
      for: '1m',
      severity: 'warning',
      summary: '{{ $labels.namespace }}/{{ $labels.pod }} does not hear the gateway {{ $labels.gateway }}.',
      description:
        'The controller has not been told for {{ $value | humanizeDuration }} how many requests wait at a gateway that is ready. Until it is heard again, models that scale with the load keep the replicas that they have. None is put to sleep, and one that sleeps is woken only by gateways that are heard.',
      runbook:
        'The log of the controller says why: “the gateway is not heard”. It does not know the token: restart what has the older Secret. It does not answer: a NetworkPolicy between them and port 9091, or a gateway that hangs: delete its pod.',
    },
    {
      name: 'ModelfleetEventLoopBlocked',
      expr: `${processMetrics.lag} > 0.5 and on (job, instance) ${processes}`,
      for: '10m',
      severity: 'warning',
      summary: '{{ $labels.namespace }}/{{ $labels.pod }} is late by {{ $value | humanizeDuration }}.',
      description:
        'The event loop is blocked or short of CPU: everything in the process waits, renewals of the lease and streams among it.',
      runbook: 'Raise the CPU limit of the pod, or remove it. A gateway: add replicas. If CPU is to spare, take a profile and report it.',
    },
  ],
};

const gateway: AlertGroup = {
  name: 'modelfleet-gateway',
  alerts: [
    {
      name: 'ModelfleetGatewayAbsent',
      expr: `absent(${gatewayMark}) and on () count(modelfleet_worker_ready)`,
      for: '5m',
      severity: 'critical',
      summary: 'Models run, but no Modelfleet gateway is seen.',
      description: 'Prometheus scrapes workers and no gateway that knows a model. Callers probably get no answer.',
      runbook:
        '`kubectl get pods -A | grep modelfleet-gateway`, then events and logs of what you find. If they run, look for what keeps Prometheus from their port 9091: the ServiceMonitor or a NetworkPolicy.',
    },
    {
      name: 'ModelfleetRequestsFail',
      expr: 'sum by (model) (rate(modelfleet_gateway_requests_total{model!="unknown", code=~"5.."}[5m])) / sum by (model) (rate(modelfleet_gateway_requests_total{model!="unknown"}[5m])) > 0.05',
      for: '10m',
      severity: 'warning',
      summary: 'Requests to {{ $labels.model }} fail.',
      description: '{{ $value | humanizePercentage }} of the requests of the last 5 minutes ended with 5xx, broken streams included.',
      runbook:
        'See “Requests by code” on the dashboard Modelfleet / Gateway. 503: no replica in time, see Modelfleet / Models. 502 and 504: replicas break or fall silent, see “Failed loads and engines” there and the logs of the pods.',
    },
    {
      name: 'ModelfleetRequestsHeldWithoutReplica',
      expr: `sum by (model) (max_over_time(modelfleet_gateway_queue_length[5m])) > 0 and on (model) max by (model) (${gatewayMark}) == 0`,
      for: '5m',
      severity: 'critical',
      summary: 'Callers wait for {{ $labels.model }}, and no replica is ready.',
      description: 'Requests are held for a model that has had no ready replica for 5 minutes. They end with 503 when their time is up.',
      runbook:
        '`kubectl get mdep -A` shows phase and progress; `kubectl describe mdep` the reason and its remedy. Loading: wait, or keep a replica (minReplicas 1). Pending: no node fits. Failed: the reference of reasons says what to do.',
    },
    {
      name: 'ModelfleetGatewayQueueFull',
      expr: 'sum by (model) (rate(modelfleet_gateway_queue_refusals_total[5m])) > 0',
      for: '5m',
      severity: 'warning',
      summary: 'Callers of {{ $labels.model }} are refused, for its queue is full.',
      description: '{{ $value | humanize }} requests a second are refused with 429 `queue_full`.',
      runbook:
        'More replicas (`kubectl scale mdep`, or a larger maxReplicas) serve more. A larger serving.maxQueue only lets more callers wait: right for short peaks.',
    },
    {
      name: 'ModelfleetGatewayQueueSlow',
      expr: 'histogram_quantile(0.95, sum by (model, le) (rate(modelfleet_gateway_queue_wait_seconds_bucket[5m]))) > 10',
      for: '10m',
      severity: 'warning',
      summary: 'Callers wait long for a replica of {{ $labels.model }}.',
      description: 'Requests wait {{ $value | humanizeDuration }} (p95) until a replica has a free slot.',
      runbook:
        'More replicas, or a smaller targetRequestsPerReplica so that they come earlier. If “Running and waiting in workers” shows idle sequences, raise serving.maxConcurrencyPerReplica.',
    },
    {
      name: 'ModelfleetGatewayRetries',
      expr: 'sum by (model) (rate(modelfleet_gateway_upstream_retries_total[5m])) / sum by (model) (rate(modelfleet_gateway_requests_total{model!="unknown"}[5m])) > 0.05',
      for: '10m',
      severity: 'warning',
      summary: 'Replicas of {{ $labels.model }} fail before they answer.',
      description:
        '{{ $value | humanizePercentage }} of the requests had to be sent to another replica. Callers saw a delay; it is spare capacity that hides a fault.',
      runbook: 'Look for restarts, `kubectl get pods -A -l modelfleet.dev/model`, and for a node whose pods fail more than others.',
    },
  ],
};

const accounts: AlertGroup = {
  name: 'modelfleet-accounts',
  alerts: [
    {
      name: 'ModelfleetLimitsNotShared',
      expr: 'max by (namespace, pod) (modelfleet_gateway_limits_shared) == 0',
      for: '2m',
      severity: 'warning',
      summary: '{{ $labels.namespace }}/{{ $labels.pod }} counts limits alone.',
      description:
        'The gateway does not reach the Redis or Valkey in which limits are counted together. Limits with `onOutage: LocalShare` hold by its share; those with `Refuse`, the quotas of a day and a month unless told otherwise, refuse every request that they concern (503 `limits_unavailable`).',
      runbook:
        'The log of the pod says why: “the shared store of limits is gone”. If all gateways say so, look at the store itself: does it run, has it memory, does it answer `PING`? If one does: its way there, a NetworkPolicy, or a password that changed after its start.',
    },
    {
      name: 'ModelfleetCacheGone',
      expr: 'max by (namespace, pod) (modelfleet_gateway_cache_connected) == 0',
      for: '5m',
      severity: 'warning',
      summary: '{{ $labels.namespace }}/{{ $labels.pod }} does not reach the cache of answers.',
      description:
        'The gateway does not reach the Redis or Valkey in which answers are kept. No answer is given again: each is generated anew, which costs tenants tokens and takes slots that others wait for.',
      runbook:
        'The log of the pod says why: “the store of answers is gone”. If all gateways say so, look at the server of `--response-cache`: does it run, has it memory, does it answer `PING`? If one does: its way there, a NetworkPolicy, or a password that changed after its start.',
    },
    {
      name: 'ModelfleetUsageStreamGone',
      expr: 'max by (namespace, pod) (modelfleet_gateway_usage_stream_connected) == 0',
      for: '5m',
      severity: 'warning',
      summary: '{{ $labels.namespace }}/{{ $labels.pod }} does not reach the stream of usage records.',
      description:
        'Records wait in the memory of the gateway, up to 32 MiB of them: what comes then is lost, and so is all that waits when the pod ends before the server is back.',
      runbook:
        'The log of the pod says why: “the stream of usage records is gone”. If all gateways say so, look at the server of `--redis-url`: does it run, has it memory, does it answer `PING`? If one does: its way there, a NetworkPolicy, or a password that changed after its start. Until it is back do not restart the gateway, unless it writes its records to a log too.',
    },
    {
      name: 'ModelfleetUsageRecordsLost',
      expr: 'sum by (namespace, pod) (increase(modelfleet_gateway_usage_records_lost[15m])) > 0',
      for: '1m',
      severity: 'warning',
      summary: '{{ $labels.namespace }}/{{ $labels.pod }} loses usage records.',
      description:
        'About {{ $value | humanize }} records of the last 15 minutes could not be kept and are gone: sums over them are too small.',
      runbook:
        'The log of the pod says why: “the usage log cannot be written”, or “the stream of usage records is gone”. Usually a volume that is full or gone: see its size, and the size and number of files in `gateway.usageLog`. Or a Redis that was away for longer than 32 MiB of records could wait.',
    },
  ],
};

const models: AlertGroup = {
  name: 'modelfleet-models',
  alerts: [
    {
      name: 'ModelfleetLoadStalled',
      // Unknown progress is NaN, and says nothing about a stall.
      expr: `${notReady} and changes(modelfleet_worker_load_percent[10m]) == 0 and modelfleet_worker_load_percent >= 0`,
      for: '5m',
      severity: 'warning',
      summary: '{{ $labels.namespace }}/{{ $labels.pod }} does not get on with loading {{ $labels.model_name }}.',
      description: 'The replica is not ready, and its load has not moved for 10 minutes: it is stalled or has failed for good.',
      runbook:
        '`kubectl -n {{ $labels.namespace }} describe mdep {{ $labels.model_name }}` gives the reason, the last words of the engine and the remedy; `kubectl -n {{ $labels.namespace }} logs {{ $labels.pod }}` the rest.',
    },
    {
      name: 'ModelfleetModelNotReady',
      expr: 'max by (namespace, model_name) (modelfleet_worker_ready) == 0',
      for: '30m',
      severity: 'warning',
      summary: '{{ $labels.namespace }}/{{ $labels.model_name }} has had no ready replica for half an hour.',
      description: 'Its replicas run, but none is ready: they load very slowly, or fail and begin again.',
      runbook:
        '`kubectl -n {{ $labels.namespace }} describe mdep {{ $labels.model_name }}`: bytes per second tell a slow source (give it a cache), restarts and reasons a failing one.',
    },
    {
      name: 'ModelfleetEngineRestarts',
      expr: 'increase(modelfleet_worker_engine_starts_total[30m]) > 3',
      for: '1m',
      severity: 'warning',
      summary: 'The engine in {{ $labels.namespace }}/{{ $labels.pod }} dies again and again.',
      description:
        'The worker had to start its engine {{ $value | humanize }} times in half an hour. Each time, running requests were lost.',
      runbook:
        '“Failed loads and engines” on the dashboard Modelfleet / Models has the reason: HostOutOfMemory or DeviceOutOfMemory ask for more memory or fewer sequences, EngineWedged and EngineCrashed are faults of the engine: `kubectl -n {{ $labels.namespace }} logs {{ $labels.pod }}` has its last words.',
    },
  ],
};

/** Every alert. */
export const alertGroups: readonly AlertGroup[] = [operator, gateway, accounts, models];

/** The alerts as Prometheus reads them: a rules file, and the spec of a PrometheusRule. */
export function rulesFile(groups: readonly AlertGroup[] = alertGroups): object {
  return {
    groups: groups.map(({ name, alerts }) => ({
      name,
      rules: alerts.map(({ name: alert, expr, for: holds, severity, summary, description, runbook }) => ({
        alert,
        expr,
        for: holds,
        labels: { severity },
        annotations: { summary, description, runbook },
      })),
    })),
  };
}
