import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { dnsService, networks, nodeAddress, nodeName } from './addresses.ts';
import { askApi } from './admin-api.ts';
import { binary, type Tell } from './binaries.ts';
import { containerdSocket } from './containerd.ts';
import { freePorts } from './free-ports.ts';
import type { Access } from './kubeconfig.ts';
import type { Processes } from './processes.ts';
import { waitUntil } from './wait.ts';

/** Starts the scheduler, the kubelet and kube-proxy. Answers where kube-proxy says whether the services' network is in place. */
export async function startNode(processes: Processes, folder: string, tell: Tell): Promise<string> {
  const [health = 0, metrics = 0] = await freePorts(2);
  const pki = (name: string) => join(folder, 'pki', name);
  const config = join(folder, 'kubelet.yaml');
  await writeFile(config, kubeletConfig(folder));
  await processes.start({
    name: 'scheduler',
    program: await binary('kube-scheduler', tell),
    args: [`--kubeconfig=${pki('scheduler.kubeconfig')}`, '--leader-elect=false', '--secure-port=0'],
  });
  await processes.start({
    name: 'kubelet',
    program: await binary('kubelet', tell),
    args: [
      `--config=${config}`,
      `--kubeconfig=${pki('node.kubeconfig')}`,
      `--hostname-override=${nodeName}`,
      `--node-ip=${nodeAddress}`,
      `--root-dir=${join(folder, 'kubelet')}`,
    ],
  });
  await processes.start({
    name: 'proxy',
    program: await binary('kube-proxy', tell),
    args: [
      `--kubeconfig=${pki('proxy.kubeconfig')}`,
      '--proxy-mode=iptables',
      `--cluster-cidr=${networks.pods}`,
      `--hostname-override=${nodeName}`,
      `--healthz-bind-address=127.0.0.1:${health}`,
      `--metrics-bind-address=127.0.0.1:${metrics}`,
      // The machine's connection tracking stays as its owner set it.
      '--conntrack-max-per-core=0',
      '--conntrack-tcp-timeout-established=0s',
      '--conntrack-tcp-timeout-close-wait=0s',
    ],
  });
  return `http://127.0.0.1:${health}/healthz`;
}

/** Waits until pods can be placed on the node and reach services. */
export async function waitForNode(processes: Processes, access: Access, proxyHealth: string): Promise<void> {
  await waitUntil('the network of services', { processes, name: 'proxy' }, async () => (await fetch(proxyHealth)).ok);
  await waitUntil('the node', { processes, name: 'kubelet' }, async () => {
    const node: NodeStatus = JSON.parse(await askApi(access, 'GET', `/api/v1/nodes/${nodeName}`));
    return node.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
  });
}

type NodeStatus = { readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] } };

/** Lets the node offer an extended resource such as `nvidia.com/gpu`: pods that ask for it then really start. It stays until taken back with 0. */
export async function advertise(access: Access, resource: string, count: number): Promise<void> {
  const offered = { [resource]: String(count) };
  const status = { capacity: offered, allocatable: offered };
  await askApi(access, 'PATCH', `/api/v1/nodes/${nodeName}/status`, { status }, 'application/merge-patch+json');
}

function kubeletConfig(folder: string): string {
  return stringify({
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    address: nodeAddress,
    authentication: { anonymous: { enabled: false }, webhook: { enabled: true }, x509: { clientCAFile: join(folder, 'pki', 'ca.crt') } },
    authorization: { mode: 'Webhook' },
    tlsCertFile: join(folder, 'pki', 'node.crt'),
    tlsPrivateKeyFile: join(folder, 'pki', 'node.key'),
    healthzPort: 0,
    cgroupDriver: 'cgroupfs',
    // Kubernetes 1.35 refuses such kernels unless told otherwise.
    failCgroupV1: false,
    failSwapOn: false,
    containerRuntimeEndpoint: `unix://${containerdSocket}`,
    clusterDNS: [dnsService],
    clusterDomain: 'cluster.local',
    resolvConf: '',
    podLogsDir: join(folder, 'log', 'pods'),
    // A developer's disk is often nearly full; evicted pods and collected images would look like failures of the product.
    evictionHard: { 'memory.available': '100Mi', 'nodefs.available': '1%', 'imagefs.available': '1%' },
    imageGCHighThresholdPercent: 100,
  });
}
