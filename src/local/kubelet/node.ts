import { readdir, statfs } from 'node:fs/promises';
import { arch, availableParallelism, hostname, platform, release, totalmem } from 'node:os';
import type { NodeCondition, NodeStatus } from 'kubernetes-types/core/v1.d.ts';
import type { Clock } from '../../core/clock.ts';
import type { Logger } from '../../core/logger.ts';
import { isAlreadyExists, type KubeClient, nodes, timestamp } from '../../kube/index.ts';
import type { NodeOffer } from './schedule.ts';
import { podIP } from './status.ts';

// kubelet, nodeStatusReportFrequency: how often an unchanged status is written. No lease beside it: in local mode nothing judges the node
// by one, and a node controller takes a status too.
const defaultHeartbeatMs = 5 * 60_000;
const goArchitectures: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386' };

/** What this machine has, within the limits that its cgroup sets. */
export async function machineOffer(name: string, folder: string): Promise<NodeOffer> {
  const constrained = process.constrainedMemory(); // 0 or a number beyond the machine when there is no limit
  const memory = constrained > 0 && constrained < totalmem() ? constrained : totalmem();
  const disk = await statfs(folder);
  const gpus = await readdir('/proc/driver/nvidia/gpus').catch(() => []); // no NVIDIA driver
  const architecture = goArchitectures[arch()] ?? arch();
  return {
    labels: {
      'kubernetes.io/hostname': name,
      'kubernetes.io/os': platform(),
      'kubernetes.io/arch': architecture,
      'node.kubernetes.io/instance-type': 'local',
    },
    capacity: {
      cpu: String(availableParallelism()),
      memory: `${Math.floor(memory / 1024)}Ki`,
      'ephemeral-storage': `${Math.floor((disk.blocks * disk.bsize) / 1024)}Ki`,
      pods: '110',
      ...(gpus.length > 0 && { 'nvidia.com/gpu': String(gpus.length) }),
    },
  };
}

/** The machine as a Node object: registered, kept Ready, and marked NotReady at the end. */
export class NodeRegistration {
  private readonly client: KubeClient;
  private readonly name: string;
  private readonly offer: NodeOffer;
  private readonly heartbeatMs: number;
  private readonly clock: Clock;
  private readonly logger: Logger;
  private readonly since: string;

  constructor(options: {
    client: KubeClient;
    name: string;
    offer: NodeOffer;
    heartbeatMs?: number | undefined;
    clock: Clock;
    logger: Logger;
  }) {
    this.client = options.client;
    this.name = options.name;
    this.offer = options.offer;
    this.heartbeatMs = options.heartbeatMs ?? defaultHeartbeatMs;
    this.clock = options.clock;
    this.logger = options.logger;
    this.since = timestamp(options.clock.now());
  }

  async register(signal: AbortSignal): Promise<void> {
    const metadata = { name: this.name, labels: this.offer.labels };
    try {
      await this.client.create(nodes, { metadata, spec: {} }, { signal });
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
      await this.client.mergePatch(nodes, { name: this.name }, { metadata: { labels: this.offer.labels } }, { signal });
    }
    await this.report(true, signal);
  }

  /** Renews the heartbeat until `signal` aborts. */
  async heartbeat(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.clock.sleep(this.heartbeatMs, signal).catch(() => undefined);
      if (signal.aborted) return;
      await this.report(true, signal).catch((error: unknown) => this.logger.warn({ err: error }, 'the heartbeat of the node failed'));
    }
  }

  async leave(signal: AbortSignal): Promise<void> {
    await this.report(false, signal);
  }

  private async report(ready: boolean, signal: AbortSignal): Promise<void> {
    const { capacity } = this.offer;
    const status: NodeStatus = {
      capacity,
      allocatable: capacity,
      conditions: this.conditions(ready),
      addresses: [
        { type: 'InternalIP', address: podIP },
        { type: 'Hostname', address: hostname() },
      ],
      nodeInfo: {
        architecture: this.offer.labels['kubernetes.io/arch'] ?? arch(),
        operatingSystem: platform(),
        osImage: platform(),
        kernelVersion: release(),
        containerRuntimeVersion: `process://${process.versions.node}`,
        kubeletVersion: 'v1.35.0-modelfleet',
        kubeProxyVersion: '',
        machineID: '',
        systemUUID: '',
        bootID: '',
      },
    };
    await this.client.mergePatch(nodes, { name: this.name }, { status }, { subresource: 'status', signal });
  }

  private conditions(ready: boolean): NodeCondition[] {
    const lastHeartbeatTime = timestamp(this.clock.now());
    const fine = (type: string, reason: string, message: string): NodeCondition => ({
      ...{ type, status: 'False', reason, message },
      ...{ lastHeartbeatTime, lastTransitionTime: this.since },
    });
    return [
      fine('MemoryPressure', 'KubeletHasSufficientMemory', 'kubelet has sufficient memory available'),
      fine('DiskPressure', 'KubeletHasNoDiskPressure', 'kubelet has no disk pressure'),
      fine('PIDPressure', 'KubeletHasSufficientPID', 'kubelet has sufficient PID available'),
      ready
        ? { ...fine('Ready', 'KubeletReady', 'kubelet is posting ready status'), status: 'True' }
        : { ...fine('Ready', 'KubeletStopped', 'local mode was stopped'), lastTransitionTime: lastHeartbeatTime },
    ];
  }
}
