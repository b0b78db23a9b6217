import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../core/clock.ts';
import type { Logger } from '../../core/logger.ts';
import { EventRecorder, type Informer, type InformerCache, type KubeClient, type Pod, pods, timestamp } from '../../kube/index.ts';
import { type LogOptions, type LogRef, type LogSource, LogsUnavailableError } from '../apiserver/logs.ts';
import { Binder } from './binder.ts';
import type { EventSink } from './event-sink.ts';
import { Guardian } from './guardian.ts';
import { reapLeftovers } from './leftovers.ts';
import { readLog } from './log-reader.ts';
import { machineOffer, NodeRegistration } from './node.ts';
import { PodWorker } from './pod-worker.ts';
import { PortAllocator } from './ports.ts';
import { apiReferences } from './references.ts';
import { kubeletBackoff, type RestartBackoff } from './restarts.ts';
import { awaitsScheduling, type NodeOffer } from './schedule.ts';

export type ProcessKubeletOptions = {
  readonly client: KubeClient;
  /** Must run beside the kubelet; it is asked for the pods. */
  readonly informerCache: InformerCache;
  /** Logs and process records go to `pods/` in it. One kubelet at a time may use it. */
  readonly stateDir: string;
  readonly nodeName: string;
  /** Image name -> the program and first arguments that stand for it. */
  readonly images: Readonly<Record<string, readonly string[]>>;
  /** Container path prefix -> real folder, told to containers as MODELFLEET_PATH_MAP. */
  readonly pathMap: Readonly<Record<string, string>>;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Where events go; an EventRecorder of the kernel unless told. */
  readonly recorder?: EventSink;
  /** Restart back-off; a kubelet's 10 s to 5 min unless told. */
  readonly backoff?: RestartBackoff;
  /** How long containers may take to end when the kubelet stops; 10 s unless told. Shorter graces of pods hold. */
  readonly stopGraceMs?: number;
  /** A run's log is rotated past this; 10 MiB unless told. */
  readonly maxLogBytes?: number;
  /** How it shares its machine and its cluster with other nodes; it is the only node, and its scheduler, unless told. */
  readonly amongOthers?: {
    /** Of all kubelets on the machine: no port is given twice. */
    readonly ports: PortAllocator;
    /** How often it says that it is alive; a node controller must be patient for longer. */
    readonly heartbeatMs: number;
  };
};

const readiness = new Set(['Ready', 'ContainersReady']);
const defaultStopGraceMs = 10_000;
const defaultMaxLogBytes = 10 * 1024 * 1024;
const leaveTimeoutMs = 2_000;

/** Runs the pods of a node as local processes under the rules of a kubelet; also the scheduler when it is the only node. */
export class ProcessKubelet implements LogSource {
  private readonly options: ProcessKubeletOptions;
  private readonly informer: Informer<Pod>;
  private readonly recorder: EventSink;
  private readonly ports: PortAllocator;
  private offer: NodeOffer | undefined;
  private readonly workers = new Map<string, { worker: PodWorker; done: Promise<void> }>();

  constructor(options: ProcessKubeletOptions) {
    this.options = options;
    this.informer = options.informerCache.informer(pods);
    this.ports = options.amongOthers?.ports ?? new PortAllocator();
    const { client, clock, logger, nodeName } = options;
    this.recorder = options.recorder ?? new EventRecorder({ client, component: 'kubelet', instance: nodeName, clock, logger });
  }

  /**
   * Takes back what a former kubelet said: the node is there again, and of its pods no process lives, so none is ready.
   * To be called before anybody else looks, else they would rely on replicas that are gone, or give up a node that is not.
   */
  async recover(signal: AbortSignal): Promise<void> {
    const { client, clock, nodeName } = this.options;
    await this.registration(await this.machine()).register(signal);
    const { items } = await client.list(pods, { fieldSelector: `spec.nodeName=${nodeName}` }, { signal });
    const unready = { status: 'False', reason: 'KubeletRestarted', lastTransitionTime: timestamp(clock.now()) };
    for (const { metadata, status } of items) {
      const before = status?.conditions ?? [];
      const conditions = before.map((one) => (readiness.has(one.type) && one.status === 'True' ? { ...one, ...unready } : one));
      if (conditions.some((one, index) => one !== before[index]))
        await client.mergePatch(pods, metadata, { status: { conditions } }, { subresource: 'status', signal });
    }
  }

  /** Runs until `signal` aborts, then ends all containers and resolves; their objects stay for the next run. Rejects when it cannot begin. */
  async run(signal: AbortSignal): Promise<void> {
    const { client, clock, logger, nodeName, amongOthers } = this.options;
    const offer = await this.machine();
    await reapLeftovers(this.podsFolder, { clock, logger });
    const guardian = new Guardian(logger);
    try {
      const node = this.registration(offer);
      await node.register(signal);
      await this.informer.synced(signal);
      await this.removeForgotten();
      const binder = new Binder({ client, store: this.informer.store, recorder: this.recorder, nodeName, offer, clock, logger });
      const observe = (pod: Pod) => {
        if (!awaitsScheduling(pod)) this.observe(pod, guardian);
        else if (!amongOthers) void binder.schedule(pod, signal);
      };
      const stopListening = this.informer.addHandler({
        add: observe,
        update: observe,
        delete: (pod) => this.workers.get(pod.metadata.uid ?? '')?.worker.remove(),
      });
      await node.heartbeat(signal);
      stopListening();
      await this.stopWorkers();
      await node
        .leave(AbortSignal.timeout(leaveTimeoutMs))
        .catch((error: unknown) => logger.debug({ err: error }, 'the node could not be marked as stopped'));
    } finally {
      await guardian.close();
    }
  }

  private async machine(): Promise<NodeOffer> {
    await mkdir(this.podsFolder, { recursive: true, mode: 0o700 });
    this.offer ??= await machineOffer(this.options.nodeName, this.podsFolder);
    return this.offer;
  }

  private registration(offer: NodeOffer): NodeRegistration {
    const { client, clock, logger, nodeName, amongOthers } = this.options;
    return new NodeRegistration({ client, name: nodeName, offer, heartbeatMs: amongOthers?.heartbeatMs, clock, logger });
  }

  async open(ref: LogRef, options: LogOptions, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
    const pod = this.informer.store.get(`${ref.namespace}/${ref.pod}`);
    const worker = this.workers.get(pod?.metadata.uid ?? '')?.worker;
    if (!pod || !worker) throw new LogsUnavailableError(`pod ${ref.pod} does not have a host assigned`);
    const container = ref.container ?? onlyContainer(pod);
    if (!worker.hasContainer(container)) throw new LogsUnavailableError(`container ${container} is not valid for pod ${ref.pod}`);
    const log = worker.log(container, options.previous);
    if (!log && options.previous)
      throw new LogsUnavailableError(`previous terminated container "${container}" in pod "${ref.pod}" not found`);
    if (!log) {
      const why = worker.waitingReason(container) ?? 'ContainerCreating';
      throw new LogsUnavailableError(`container "${container}" in pod "${ref.pod}" is waiting to start: ${why}`);
    }
    const { follow, timestamps, tailLines, limitBytes } = options;
    const since = sinceInstant(options, this.options.clock.now());
    const read = { follow, timestamps, ...(tailLines !== undefined && { tailLines }), ...(limitBytes !== undefined && { limitBytes }) };
    return readLog(log.path, { ...read, ...(since !== undefined && { since }) }, log.writer, signal);
  }

  private get podsFolder(): string {
    return join(this.options.stateDir, 'pods');
  }

  private observe(pod: Pod, guardian: Guardian): void {
    if (pod.spec?.nodeName !== this.options.nodeName) return;
    const uid = pod.metadata.uid ?? '';
    const known = this.workers.get(uid);
    if (known) {
      known.worker.update(pod);
      return;
    }
    const { client, clock, logger, images, pathMap } = this.options;
    const worker = new PodWorker(pod, {
      ...{ client, clock, logger, images, pathMap, guardian, ports: this.ports, references: apiReferences(client) },
      folder: join(this.podsFolder, uid),
      backoff: this.options.backoff ?? kubeletBackoff,
      maxLogBytes: this.options.maxLogBytes ?? defaultMaxLogBytes,
      recordEvent: (about, type, reason, message) => this.recorder.event(about, type, reason, message),
    });
    const done = worker
      .run()
      .catch((error: unknown) => logger.error({ err: error, pod: pod.metadata.name }, 'running a pod failed'))
      .finally(() => this.workers.delete(uid));
    this.workers.set(uid, { worker, done });
  }

  /** Folders of pods that were removed while no kubelet ran. */
  private async removeForgotten(): Promise<void> {
    const known = new Set(this.informer.store.list().map(({ metadata }) => metadata.uid));
    for (const uid of await readdir(this.podsFolder)) {
      if (!known.has(uid)) await rm(join(this.podsFolder, uid), { recursive: true, force: true });
    }
  }

  private async stopWorkers(): Promise<void> {
    const graceMs = this.options.stopGraceMs ?? defaultStopGraceMs;
    const all = [...this.workers.values()];
    for (const { worker } of all) worker.shutdown(graceMs);
    await Promise.all(all.map(({ done }) => done));
  }
}

function onlyContainer(pod: Pod): string {
  const names = (pod.spec?.containers ?? []).map(({ name }) => name);
  const [first = '', second] = names;
  const preferred = pod.metadata.annotations?.['kubectl.kubernetes.io/default-container'];
  if (preferred !== undefined || second === undefined) return preferred ?? first;
  throw new LogsUnavailableError(`a container name must be specified for pod ${pod.metadata.name}, choose one of: [${names.join(' ')}]`);
}

function sinceInstant({ sinceSeconds, sinceTime }: LogOptions, now: number): number | undefined {
  if (sinceTime !== undefined) return Date.parse(sinceTime);
  return sinceSeconds === undefined ? undefined : now - sinceSeconds * 1000;
}
