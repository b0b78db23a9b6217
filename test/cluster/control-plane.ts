import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { askApi, isServing } from './admin-api.ts';
import { auditPolicy } from './audit.ts';
import { binary, type Tell } from './binaries.ts';
import { freePorts } from './free-ports.ts';
import type { Access } from './kubeconfig.ts';
import { writePki } from './pki.ts';
import type { Processes } from './processes.ts';
import { waitUntil } from './wait.ts';

/** What a measurement changes of a control plane. */
export type ControlPlaneTuning = {
  /** More arguments of the controller manager. */
  readonly controllerManagerArgs?: readonly string[];
  /** Whether requests are noted for who looks for refused ones: yes unless told, at some cost for each. */
  readonly audit?: boolean | undefined;
};

export type ControlPlaneOptions = ControlPlaneTuning & {
  readonly folder: string;
  /** Where the API server listens. */
  readonly address: string;
  readonly port: number;
  /** Given when there is a node: pods and services then have addresses that something answers. */
  readonly networks?: { readonly pods: string; readonly services: string; readonly firstService: string };
  /** How often the HorizontalPodAutoscaler looks, and how long it waits before it scales in. */
  readonly hpaSync: string;
  readonly hpaDownscale: string;
};

/** Options of a control plane alone: on loopback, on ports that are free. */
export async function onFreePorts(folder: string): Promise<ControlPlaneOptions> {
  const [port = 0] = await freePorts(1);
  return { folder, address: '127.0.0.1', port, hpaSync: '2s', hpaDownscale: '15s' };
}

/** Starts etcd, the API server and the controller manager, and waits until objects can be created. */
export async function startControlPlane(processes: Processes, options: ControlPlaneOptions, tell: Tell): Promise<Access> {
  const { folder, address, port, networks } = options;
  const pki = join(folder, 'pki');
  const server = `https://${address}:${port}`;
  await mkdir(join(folder, 'log'), { recursive: true });
  await writeFile(join(folder, 'audit-policy.yaml'), auditPolicy);
  const [access, etcd, apiserver, [clients = 0, peers = 0]] = await Promise.all([
    writePki(pki, {
      server,
      addresses: networks ? [address, networks.firstService] : [],
      ...(networks && { nodeAddress: address }),
    }),
    binary('etcd', tell),
    binary('kube-apiserver', tell),
    freePorts(2),
  ]);
  const etcdUrl = `http://127.0.0.1:${clients}`;
  await processes.start({ name: 'etcd', program: etcd, args: etcdArgs(folder, etcdUrl, `http://127.0.0.1:${peers}`) });
  await processes.start({ name: 'apiserver', program: apiserver, args: apiserverArgs(options, etcdUrl) });
  await waitUntil('the API server', { processes, name: 'apiserver' }, () => isServing(access));
  tell(`the API server answers at ${server}`);
  await processes.start({
    name: 'controller-manager',
    program: await binary('kube-controller-manager', tell),
    args: argsOfControllerManager(options),
  });
  return access;
}

/** Waits for what the controller manager makes in a fresh cluster and without which no pod is admitted. */
export async function waitForServiceAccounts(processes: Processes, access: Access): Promise<void> {
  const path = '/api/v1/namespaces/default/serviceaccounts/default';
  await waitUntil('the default ServiceAccount', { processes, name: 'controller-manager' }, async () =>
    Boolean(await askApi(access, 'GET', path)),
  );
}

function etcdArgs(folder: string, clientUrl: string, peerUrl: string): readonly string[] {
  return [
    `--data-dir=${join(folder, 'etcd')}`,
    // The data goes with the cluster: nothing is gained by waiting for the disk.
    '--unsafe-no-fsync',
    '--log-level=warn',
    `--listen-client-urls=${clientUrl}`,
    `--advertise-client-urls=${clientUrl}`,
    `--listen-peer-urls=${peerUrl}`,
    `--initial-advertise-peer-urls=${peerUrl}`,
    `--initial-cluster=default=${peerUrl}`,
  ];
}

function apiserverArgs({ folder, address, port, networks, audit = true }: ControlPlaneOptions, etcdUrl: string): readonly string[] {
  const pki = (name: string) => join(folder, 'pki', name);
  return [
    `--etcd-servers=${etcdUrl}`,
    `--bind-address=${address}`,
    `--secure-port=${port}`,
    // A loopback address may not stand in an Endpoints object; without pods nobody looks for one.
    ...(networks ? [`--advertise-address=${address}`] : ['--endpoint-reconciler-type=none']),
    `--service-cluster-ip-range=${networks?.services ?? '10.96.0.0/16'}`,
    '--allow-privileged',
    '--authorization-mode=Node,RBAC',
    '--enable-admission-plugins=NodeRestriction',
    `--client-ca-file=${pki('ca.crt')}`,
    `--tls-cert-file=${pki('apiserver.crt')}`,
    `--tls-private-key-file=${pki('apiserver.key')}`,
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${pki('sa.pub')}`,
    `--service-account-signing-key-file=${pki('sa.key')}`,
    `--kubelet-client-certificate=${pki('admin.crt')}`,
    `--kubelet-client-key=${pki('admin.key')}`,
    '--kubelet-preferred-address-types=InternalIP',
    `--proxy-client-cert-file=${pki('front-proxy.crt')}`,
    `--proxy-client-key-file=${pki('front-proxy.key')}`,
    `--requestheader-client-ca-file=${pki('front-ca.crt')}`,
    '--requestheader-allowed-names=front-proxy-client',
    '--requestheader-username-headers=X-Remote-User',
    '--requestheader-group-headers=X-Remote-Group',
    '--requestheader-extra-headers-prefix=X-Remote-Extra-',
    // The API server asks aggregated servers by their pods' addresses: it takes no part in the services' network.
    '--enable-aggregator-routing',
    ...(audit
      ? [
          `--audit-policy-file=${join(folder, 'audit-policy.yaml')}`,
          `--audit-log-path=${join(folder, 'log', 'audit.log')}`,
          '--audit-log-maxsize=2000',
        ]
      : []),
  ];
}

function argsOfControllerManager({
  folder,
  networks,
  hpaSync,
  hpaDownscale,
  controllerManagerArgs: more = [],
}: ControlPlaneOptions): readonly string[] {
  const pki = (name: string) => join(folder, 'pki', name);
  return [
    `--kubeconfig=${pki('controller-manager.kubeconfig')}`,
    '--leader-elect=false',
    '--secure-port=0',
    `--service-account-private-key-file=${pki('sa.key')}`,
    `--root-ca-file=${pki('ca.crt')}`,
    '--use-service-account-credentials',
    `--horizontal-pod-autoscaler-sync-period=${hpaSync}`,
    `--horizontal-pod-autoscaler-downscale-stabilization=${hpaDownscale}`,
    ...more,
    ...(networks ? ['--allocate-node-cidrs', `--cluster-cidr=${networks.pods}`, `--service-cluster-ip-range=${networks.services}`] : []),
  ];
}
