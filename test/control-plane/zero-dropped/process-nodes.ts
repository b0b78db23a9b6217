import { join } from 'node:path';
import { systemClock } from '../../../src/core/clock.ts';
import type { Logger } from '../../../src/core/logger.ts';
import {
  type Informer,
  InformerCache,
  isConflict,
  isNotFound,
  type KubeClient,
  type Node,
  nodes,
  type Pod,
  pods,
} from '../../../src/kube/index.ts';
import { ProcessKubelet } from '../../../src/local/kubelet/kubelet.ts';
import { PortAllocator } from '../../../src/local/kubelet/ports.ts';
import { awaitsScheduling } from '../../../src/local/kubelet/schedule.ts';

export type ProcessNodesOptions = {
  readonly client: KubeClient;
  readonly names: readonly string[];
  /** For what the nodes keep. */
  readonly folder: string;
  readonly images: Readonly<Record<string, readonly string[]>>;
  readonly pathMap: Readonly<Record<string, string>>;
  readonly logger: Logger;
};

/** A node controller takes a node for lost after 50 s. */
const heartbeatMs = 5_000;

/** Nodes of a real cluster whose pods are processes of this machine, and a scheduler that knows cordons and balances, no more. */
export class ProcessNodes {
  private readonly options: ProcessNodesOptions;
  private readonly pods: Informer<Pod>;
  private readonly nodes: Informer<Node>;
  private readonly stopping = new AbortController();
  private readonly running: Promise<unknown>;
  private scheduling = Promise.resolve();

  constructor(options: ProcessNodesOptions) {
    const { client, names, folder, images, pathMap, logger } = options;
    this.options = options;
    const informerCache = new InformerCache(client, { logger });
    this.pods = informerCache.informer(pods);
    this.nodes = informerCache.informer(nodes);
    const ports = new PortAllocator();
    const kubelets = names.map(
      (nodeName) =>
        new ProcessKubelet({
          ...{ client, informerCache, nodeName, images, pathMap, logger, clock: systemClock },
          stateDir: join(folder, nodeName),
          amongOthers: { ports, heartbeatMs },
        }),
    );
    const look = () => this.schedule();
    this.pods.addHandler({ add: look, update: look, delete: look });
    this.nodes.addHandler({ add: look, update: look, delete: look });
    const { signal } = this.stopping;
    this.running = Promise.all([informerCache.run(signal), ...kubelets.map((kubelet) => kubelet.run(signal))]);
    this.running.catch(() => undefined); // told by whoever closes them
  }

  /** The pods that there are. */
  list(): readonly Pod[] {
    return this.pods.store.list();
  }

  /** Ends all containers and leaves. */
  async close(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  /** One pod after the other, so that each sees where those before it went. */
  private schedule(): void {
    this.scheduling = this.scheduling
      .then(async () => {
        const placed = new Map<string, number>();
        for (const { metadata, spec } of this.nodes.store.list()) if (!spec?.unschedulable) placed.set(metadata.name, 0);
        for (const { spec } of this.list()) {
          const count = placed.get(spec?.nodeName ?? '');
          if (count !== undefined) placed.set(spec?.nodeName ?? '', count + 1);
        }
        const next = this.list().find((pod) => awaitsScheduling(pod) && !this.bound.has(pod.metadata.uid ?? ''));
        const [node] = [...placed].sort(([, a], [, b]) => a - b);
        if (next && node) await this.bind(next, node[0]);
      })
      .catch((error: unknown) => this.options.logger.error({ err: error }, 'a pod could not be bound'));
  }

  /** What the cache does not show yet. */
  private readonly bound = new Set<string>();

  private async bind({ metadata: { name, namespace = '', uid = '' } }: Pod, node: string): Promise<void> {
    this.bound.add(uid);
    const binding = { apiVersion: 'v1', kind: 'Binding', metadata: { name, uid }, target: { apiVersion: 'v1', kind: 'Node', name: node } };
    try {
      await this.options.client.request('POST', `/api/v1/namespaces/${namespace}/pods/${name}/binding`, { body: binding });
    } catch (error) {
      if (!isNotFound(error) && !isConflict(error)) throw error; // deleted meanwhile
    }
  }
}
