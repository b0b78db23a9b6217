import { Resolver } from 'node:dns/promises';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { dnsService, networks, nodeAddress } from './addresses.ts';
import { applyObjects } from './admin-api.ts';
import { binary, type Tell } from './binaries.ts';
import type { Access } from './kubeconfig.ts';
import type { Processes } from './processes.ts';
import { waitUntil } from './wait.ts';

const ports = [
  { name: 'dns', port: 53, protocol: 'UDP' },
  { name: 'dns-tcp', port: 53, protocol: 'TCP' },
];

/** Starts the cluster's name server on the host, and the service through which pods reach it. It knows the cluster's names only. */
export async function startNameServer(processes: Processes, folder: string, access: Access, tell: Tell): Promise<void> {
  const corefile = join(folder, 'Corefile');
  await writeFile(
    corefile,
    `.:53 {
  bind ${nodeAddress}
  errors
  cache 5
  kubernetes cluster.local in-addr.arpa ip6.arpa {
    kubeconfig ${join(folder, 'pki', 'admin.kubeconfig')}
  }
}
`,
  );
  await processes.start({ name: 'coredns', program: await binary('coredns', tell), args: ['-conf', corefile] });
  const namespace = 'kube-system';
  await applyObjects(access, {
    [`/api/v1/namespaces/${namespace}/services/kube-dns`]: {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'kube-dns', namespace },
      spec: { clusterIP: dnsService, ports },
    },
    [`/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices/kube-dns`]: {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: 'kube-dns', namespace, labels: { 'kubernetes.io/service-name': 'kube-dns' } },
      addressType: 'IPv4',
      ports,
      endpoints: [{ addresses: [nodeAddress] }],
    },
  });
}

/** Waits until names resolve. */
export async function waitForNames(processes: Processes): Promise<void> {
  const resolver = new Resolver({ timeout: 500, tries: 1 });
  resolver.setServers([nodeAddress]);
  await waitUntil('the name server', { processes, name: 'coredns' }, async () =>
    (await resolver.resolve4('kubernetes.default.svc.cluster.local')).includes(networks.firstService),
  );
}
