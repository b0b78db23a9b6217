import { readFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { dirname, join } from 'node:path';
import { systemClock } from '../../../src/core/clock.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import { type ApplyObject, type KubeClient, type KubeObject, resourceType } from '../../../src/kube/index.ts';
import { CertificateKeeper } from '../../../src/metrics-api/certificates/keeper.ts';
import { servedGroups } from '../../../src/metrics-api/groups.ts';
import { metricsApi } from '../../../src/metrics-api/metrics-api.ts';
import type { MetricSource } from '../../../src/metrics-api/source.ts';
import type { Pair } from '../../../src/metrics-api/testing/pki.fake.ts';

/** The namespace and the name of the Service that leads to the server of the tests. */
export const service = { namespace: 'modelfleet-metrics', name: 'metrics' };
/** What the API server calls it. */
export const serverName = `${service.name}.${service.namespace}.svc`;
const secret = { namespace: service.namespace, name: 'metrics-tls' };

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

/** Tells the API server where the groups are served. */
export async function register(admin: KubeClient, address: string, port: number): Promise<void> {
  await put(admin, 'services', {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: service,
    spec: { ports: [{ name: 'https', port: 443, targetPort: port }] },
  });
  await put(admin, 'endpointslices', {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { ...service, labels: { 'kubernetes.io/service-name': service.name } },
    addressType: 'IPv4',
    ports: [{ name: 'https', port, protocol: 'TCP' }],
    endpoints: [{ addresses: [address], conditions: { ready: true } }],
  });
  for (const { group, version } of servedGroups) {
    await put(admin, 'apiservices', {
      apiVersion: 'apiregistration.k8s.io/v1',
      kind: 'APIService',
      metadata: { name: `${version}.${group}` },
      spec: { group, version, groupPriorityMinimum: 100, versionPriority: 100, service: { ...service, port: 443 } },
    });
  }
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
