import { statsPortName } from '../../api/gateway-stats.ts';
import { labels } from '../../api/resources.ts';
import { describeError } from '../../core/failure.ts';
import { ApiError, type KubeClient, type Pod, pods } from '../../kube/index.ts';
import type { GatewayCounts, Gateways } from './chain.ts';

const selector = `${labels.name}=modelfleet,${labels.component}=gateway`;
const answerTimeoutMs = 3_000;

/** Asks each gateway of a namespace for a model's counts, through the API server. Never rejects for what the user may not see. */
export async function readGateways(client: KubeClient, namespace: string, model: string): Promise<Gateways> {
  try {
    const { items } = await client.list(pods, { namespace, labelSelector: selector });
    const all = await Promise.all(items.map((pod) => readGateway(client, pod, model)));
    return { each: all.sort((a, b) => a.name.localeCompare(b.name)) };
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return { each: [], why: hiddenBecause(error, namespace) };
  }
}

async function readGateway(client: KubeClient, { metadata, spec }: Pod, model: string): Promise<GatewayCounts> {
  const { name, namespace = '' } = metadata;
  const ports = spec?.containers.flatMap((container) => container.ports ?? []) ?? [];
  const port = ports.find((one) => one.name === statsPortName)?.containerPort;
  if (port === undefined) return { name, counts: { kind: 'silent', why: `its pod names no port ${statsPortName}` } };
  try {
    const path = `/api/v1/namespaces/${namespace}/pods/${name}:${port}/proxy/metrics`;
    return { name, counts: countsOf(await client.text('GET', path, { timeoutMs: answerTimeoutMs }), model) };
  } catch (error) {
    // To see none of them is one matter, not one for each.
    if (error instanceof ApiError && error.code === 403) throw error;
    return { name, counts: { kind: 'silent', why: describeError(error) } };
  }
}

/** A model's counts in the metrics of a gateway. */
function countsOf(text: string, model: string): Extract<GatewayCounts['counts'], { kind: 'heard' }> {
  const lines = text.split('\n');
  const series = `{model="${model}"} `;
  const numberOf = (metric: string) =>
    Number(lines.find((line) => line.startsWith(metric + series))?.slice(metric.length + series.length) ?? 0);
  return {
    kind: 'heard',
    waiting: numberOf('modelfleet_gateway_queue_length'),
    running: numberOf('modelfleet_gateway_requests_in_flight'),
    readyReplicas: numberOf('modelfleet_gateway_ready_replicas'),
  };
}

function hiddenBecause(error: ApiError, namespace: string): string {
  if (error.code !== 403) return describeError(error);
  return `each by itself is shown to who may list pods and get pods/proxy in namespace ${namespace}`;
}

/** The namespace of the gateways, as the address that a deployment tells its callers has it; undefined where that has none. */
export function gatewayNamespaceOf(endpoint: string | undefined): string | undefined {
  if (endpoint === undefined || !URL.canParse(endpoint)) return undefined;
  const [, namespace, kind = 'svc'] = new URL(endpoint).hostname.split('.');
  return kind === 'svc' ? namespace : undefined;
}
