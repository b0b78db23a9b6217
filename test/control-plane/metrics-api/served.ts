import { readFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { dirname, join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { systemClock } from '../../../src/core/clock.ts';
import { isJsonObject } from '../../../src/core/json.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import { type ApplyObject, type KubeClient, type KubeObject, resourceType } from '../../../src/kube/index.ts';
import { CertificateKeeper } from '../../../src/metrics-api/certificates/keeper.ts';
import { metricsApi } from '../../../src/metrics-api/metrics-api.ts';
import type { MetricSource } from '../../../src/metrics-api/source.ts';
import type { Pair } from '../../../src/metrics-api/testing/pki.fake.ts';
import { chart } from '../../chart/chart.ts';
import { helm } from '../../fakes/helm.ts';

const release = 'modelfleet';
/** The namespace and the name of the Service that leads to the server of the tests. */
export const service = { namespace: 'modelfleet-metrics', name: `${release}-metrics-api` };
/** What the API server calls it. */
export const serverName = `${service.name}.${service.namespace}.svc`;
/** Where its certificate is. */
export const secret = { namespace: service.namespace, name: `${service.name}-tls` };

/** An address of this machine where the API server may look for an aggregated one: it refuses loopback. */
export function reachableAddress(): string | undefined {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return all.find(({ family, internal, address }) => family === 'IPv4' && !internal && !address.startsWith('169.254.'))?.address;
}

/** Serves the metrics API until `signal` aborts, as the processes of the controller do. Resolves when all has ended. */
export async function serve(client: KubeClient, port: number, source: MetricSource, signal: AbortSignal): Promise<void> {
  const shared = { client, secret, clock: systemClock, logger: silentLogger };
  await Promise.all([
    new CertificateKeeper({ ...shared, service }).start(signal),
    metricsApi({ ...shared, host: '0.0.0.0', port, flag: '--port', source, objects: () => [] }).run(signal),
  ]);
}

/** Gives the controller what the chart gives it, and tells the API server where its server is. Answers the controller's token. */
export async function register(admin: KubeClient, address: string, port: number): Promise<string> {
  const files = ['service-accounts.yaml', 'rbac.yaml', 'controller/metrics-api.yaml'];
  const shown = files.flatMap((name) => ['--show-only', `templates/${name}`]);
  const values = ['--set', 'metricsApi.external=true,metricsApi.custom=true'];
  const { stdout, stderr, code } = await helm(undefined, [
    'template',
    release,
    chart,
    '--namespace',
    service.namespace,
    ...values,
    ...shown,
  ]);
  if (code !== 0) throw new Error(`helm template: ${stderr}`);
  for (const document of parseAllDocuments(stdout)) {
    const object = document.toJS() as Applied | null;
    if (object) await put(admin, `${object.kind.toLowerCase()}s`, object);
  }
  await put(admin, 'endpointslices', {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { ...service, labels: { 'kubernetes.io/service-name': service.name } },
    addressType: 'IPv4',
    ports: [{ name: 'https', port, protocol: 'TCP' }],
    endpoints: [{ addresses: [address], conditions: { ready: true } }],
  });
  return tokenOf(admin, service.namespace, `${release}-controller`);
}

/** A token of a ServiceAccount. */
export async function tokenOf(admin: KubeClient, namespace: string, name: string): Promise<string> {
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: 3600 } };
  const answer = await admin.request('POST', `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`, { body });
  const status = isJsonObject(answer) ? answer.status : undefined;
  if (!isJsonObject(status) || typeof status.token !== 'string') throw new Error(`no token for ServiceAccount ${name}`);
  return status.token;
}

type Applied = KubeObject & Readonly<Record<string, unknown>>;

/** Applies any object. */
export async function put(admin: KubeClient, plural: string, object: Applied): Promise<void> {
  const [version = '', group = ''] = object.apiVersion.split('/').reverse();
  const type = resourceType<KubeObject>({ group, version, kind: object.kind, plural, namespaced: object.metadata.namespace !== undefined });
  await admin.apply(type, object as ApplyObject<KubeObject>, { force: true });
}

/** A certificate of the control plane's own, and its key. */
export async function pairOf(kubeconfig: string, name: string): Promise<Pair> {
  const read = (ending: string) => readFile(join(dirname(kubeconfig), `${name}.${ending}`), 'utf8');
  const [certificate, key] = await Promise.all([read('crt'), read('key')]);
  return { certificate, key };
}
