import { rm } from 'node:fs/promises';
import type { Container, PodStatus, Probe } from 'kubernetes-types/core/v1.d.ts';
import { describeError } from '../../core/failure.ts';
import { isNotFound, type KubeClient, type Pod, pods } from '../../kube/index.ts';
import { type ContainerRecord, fresh, initContainers, lastEnd, type Running, type Terminated } from './container-record.ts';
import { ContainerRun, logPath, type RunContext } from './container-run.ts';
import { decide, startAt } from './decide.ts';
import { ContainerConfigError } from './environment.ts';
import { watchHealth } from './health.ts';
import type { LogWriter } from './log-writer.ts';
import { annotatedPorts, type PortAllocator, type PortMap, portsAnnotation } from './ports.ts';
import { runProbe } from './probe.ts';
import { countEnds, type RestartBackoff, restartDelayMs } from './restarts.ts';
import { seedRecords } from './seed.ts';
import { backoffMessage, podStatus } from './status.ts';
import { StatusWriter } from './status-writer.ts';
import { Wake } from './wake.ts';

export type PodWorkerOptions = RunContext & {
  readonly client: KubeClient;
  readonly recordEvent: (pod: Pod, type: 'Normal' | 'Warning', reason: string, message: string) => void;
  readonly ports: PortAllocator;
  readonly backoff: RestartBackoff;
  /** The pod's own folder: logs, emptyDirs, process records. */
  readonly folder: string;
};

/** Why no container may run any more: the API asks for deletion, the object is gone, or the kubelet stops and will come back to it. */
type Ending = 'deleted' | 'removed' | 'shutdown';

const defaultGraceSeconds = 30;
// An object that was removed by force gives no grace to honour.
const removedGraceMs = 2_000;
const deleteRetryMs = 1_000;
// How long a stopping kubelet tries to write the last status, beyond the grace of its containers.
const lastWriteMs = 2_000;

/** Runs one pod from its first container to its removal: one loop that decides, acts, and writes the status. */
export class PodWorker {
  private readonly options: PodWorkerOptions;
  private readonly wake = new Wake();
  private readonly records: Map<string, ContainerRecord>;
  private readonly runs = new Map<string, ContainerRun>();
  private readonly writer: StatusWriter;
  private readonly starting = new AbortController();
  /** Aborts when nothing more may be written. */
  private readonly over = new AbortController();
  private pod: Pod;
  private ports: PortMap;
  private previous: PodStatus;
  private ending: Ending | undefined;
  /** When what still runs is killed (epoch ms). */
  private killAt = Number.POSITIVE_INFINITY;
  private deletionConfirmed = false;
  /** When to confirm the deletion again (epoch ms). */
  private retryAt: number | undefined;

  constructor(pod: Pod, options: PodWorkerOptions) {
    const { client, clock, logger } = options;
    this.pod = pod;
    this.options = options;
    this.records = seedRecords(pod, clock.now());
    this.ports = annotatedPorts(pod);
    this.previous = pod.status ?? {};
    this.writer = new StatusWriter({ client, ref: this.ref, uid: this.uid, clock, logger });
    this.observeDeletion();
  }

  get uid(): string {
    return this.pod.metadata.uid ?? '';
  }

  /** The newest version of the object. */
  update(pod: Pod): void {
    this.pod = pod;
    this.observeDeletion();
    this.wake.wake();
  }

  /** The object is gone from the API. */
  remove(): void {
    this.end('removed', removedGraceMs);
  }

  /** Ends all containers within `graceMs` and leaves the object for the next kubelet. */
  shutdown(graceMs: number): void {
    this.end('shutdown', graceMs);
    this.options.clock.sleep(graceMs + lastWriteMs, this.over.signal).then(
      () => this.giveUp(),
      () => undefined, // it ended in time
    );
  }

  /** Where the output of a container's run lies, and who writes it now; undefined when it has not run that often. */
  log(container: string, previous: boolean): { path: string; writer: LogWriter | undefined } | undefined {
    const record = this.records.get(container);
    if (!record || (record.state.kind === 'waiting' && !record.last)) return undefined;
    const restart = record.restartCount - (previous ? 1 : 0);
    if (restart < 0) return undefined;
    const path = logPath(this.options.folder, container, restart);
    const writer = this.runs.get(container)?.log;
    return { path, writer: writer?.path === path ? writer : undefined };
  }

  /** Why a container has no output yet, as its status says. */
  waitingReason(container: string): string | undefined {
    const state = this.records.get(container)?.state;
    return state?.kind === 'waiting' ? state.reason : undefined;
  }

  hasContainer(container: string): boolean {
    return this.records.has(container);
  }

  /** Resolves when the pod is removed, or after `shutdown` when nothing of it runs. Never rejects for what its containers do. */
  async run(): Promise<void> {
    try {
      for (;;) {
        const { clock, backoff } = this.options;
        const spec = this.pod.spec ?? { containers: [] };
        const plan = decide({ spec, containers: this.records, terminating: this.ending !== undefined, now: clock.now(), backoff });
        for (const name of plan.stop) this.stop(name, this.killAt - clock.now(), `Stopping container ${name}`);
        for (const name of plan.start) await this.start(name);
        this.publish();
        if (plan.finished && this.ending && (await this.concluded(this.ending))) return;
        if (plan.start.length === 0) await this.wake.wait(clock, plan.wakeAt ?? this.retryAt);
      }
    } finally {
      this.giveUp();
      this.options.ports.release(this.uid);
    }
  }

  private giveUp(): void {
    this.over.abort();
    this.writer.close();
  }

  private get ref(): { namespace: string; name: string } {
    return { namespace: this.pod.metadata.namespace ?? 'default', name: this.pod.metadata.name };
  }

  private observeDeletion(): void {
    const { deletionTimestamp, deletionGracePeriodSeconds } = this.pod.metadata;
    if (deletionTimestamp === undefined) return;
    const seconds = deletionGracePeriodSeconds ?? this.pod.spec?.terminationGracePeriodSeconds ?? defaultGraceSeconds;
    this.end('deleted', seconds * 1000);
  }

  private end(ending: Ending, graceMs: number): void {
    const { clock } = this.options;
    const killAt = Math.min(this.killAt, clock.now() + graceMs);
    const earlier = this.ending !== undefined && killAt < this.killAt;
    this.killAt = killAt;
    // Removed is for good; a shutdown does not wait for the API.
    if (this.ending === undefined || ending === 'removed' || (ending === 'shutdown' && this.ending === 'deleted')) this.ending = ending;
    this.starting.abort();
    if (earlier) for (const run of this.runs.values()) run.stop(killAt - clock.now());
    this.wake.wake();
  }

  private stop(name: string, graceMs: number, message: string): void {
    const state = this.records.get(name)?.state;
    if (state?.kind !== 'running' || state.stopping) return;
    this.change(name, { ...state, stopping: true, ready: false });
    this.event('Normal', 'Killing', message);
    this.runs.get(name)?.stop(graceMs);
  }

  private async start(name: string): Promise<void> {
    const spec = this.pod.spec ?? { containers: [] };
    const container = [...initContainers(spec), ...spec.containers].find((one) => one.name === name);
    const before = this.records.get(name) ?? fresh();
    if (!container || this.ending) return;
    const last = lastEnd(before);
    const restartCount = before.restartCount + (last ? 1 : 0);
    try {
      await this.givePorts(container);
      const { pod, ports, options } = this;
      const run = await ContainerRun.start({ pod, container, folder: options.folder, restartCount, ports }, options, this.starting.signal);
      if (container.image) this.event('Normal', 'Pulled', `Container image "${container.image}" already present on machine`);
      this.event('Normal', 'Created', `Created container: ${name}`);
      this.event('Normal', 'Started', `Started container ${name}`);
      const state: Running = { kind: 'running', id: run.id, startedAt: run.startedAt, started: false, ready: false, stopping: false };
      this.records.set(name, { state, restartCount, endsInARow: before.endsInARow, ...(last && { last }) });
      this.runs.set(name, run);
      this.watch(container, run);
    } catch (error) {
      if (!this.ending) this.startFailed(container, before, error);
    }
  }

  /** Frees and keeps host ports for the container; tells them in the pod's annotation before it starts. */
  private async givePorts(container: Container): Promise<void> {
    const given = { ...this.ports, ...(await this.options.ports.allocate(this.uid, container, this.ports)) };
    this.ports = given;
    if (Object.keys(given).length === 0) return;
    const text = JSON.stringify(given);
    if (this.pod.metadata.annotations?.[portsAnnotation] === text) return;
    const patch = { metadata: { uid: this.uid, annotations: { [portsAnnotation]: text } } };
    await this.options.client.mergePatch(pods, this.ref, patch, { signal: this.starting.signal });
  }

  private startFailed(container: Container, before: ContainerRecord, error: unknown): void {
    const { clock, backoff, logger } = this.options;
    const message = describeError(error);
    const now = clock.now();
    if (isSpawnError(error)) {
      // As a runtime reports a program that it cannot execute.
      const state: Terminated = { kind: 'terminated', exitCode: 128, reason: 'StartError', message, startedAt: now, finishedAt: now };
      const last = lastEnd(before);
      const restartCount = before.restartCount + (last ? 1 : 0);
      this.records.set(container.name, { state, restartCount, endsInARow: before.endsInARow + 1, ...(last && { last }) });
    } else {
      const failures = (before.state.kind === 'waiting' ? before.state.failures : 0) + 1;
      const reason = error instanceof ContainerConfigError ? error.reason : 'CreateContainerError';
      const retryAt = now + restartDelayMs(failures + 1, backoff);
      const last = lastEnd(before);
      this.records.set(container.name, {
        ...before,
        state: { kind: 'waiting', reason, message, retryAt, failures },
        ...(last && { last }),
      });
    }
    logger.debug({ err: error, pod: this.ref, container: container.name }, 'a container could not be started');
    this.event('Warning', 'Failed', `Error: ${message}`);
  }

  /** Follows one run: its probes, and its end. */
  private watch(container: Container, run: ContainerRun): void {
    const over = new AbortController();
    const { clock, logger } = this.options;
    const { name } = container;
    const update = (fields: Partial<Running>) => {
      const state = this.records.get(name)?.state;
      if (state?.kind === 'running' && state.id === run.id && !state.stopping) this.change(name, { ...state, ...fields });
    };
    watchHealth(
      {
        container,
        startedAt: run.startedAt,
        clock,
        check: (probe, signal) => runProbe(probe, run.target, signal),
        onStarted: () => update({ started: true }),
        onReady: (ready) => update({ ready }),
        onUnhealthy: (kind, message) => {
          if (!this.ending) this.event('Warning', 'Unhealthy', `${kind[0]?.toUpperCase()}${kind.slice(1)} probe failed: ${message}`);
        },
        onDead: (kind, probe) => {
          if (!this.ending) this.stop(name, this.probeGraceMs(probe), `Container ${name} failed ${kind} probe, will be restarted`);
        },
      },
      over.signal,
    ).catch((error: unknown) => {
      if (!over.signal.aborted) logger.error({ err: error, pod: this.ref }, 'probing a container failed');
    });
    void run.ended.then((exit) => {
      over.abort();
      this.onEnd(container, run, exit);
    });
  }

  private probeGraceMs(probe: Probe): number {
    return (probe.terminationGracePeriodSeconds ?? this.pod.spec?.terminationGracePeriodSeconds ?? defaultGraceSeconds) * 1000;
  }

  private onEnd(container: Container, run: ContainerRun, exit: Awaited<ContainerRun['ended']>): void {
    const { clock, backoff } = this.options;
    const { name } = container;
    const before = this.records.get(name) ?? fresh();
    const finishedAt = clock.now();
    const record: ContainerRecord = {
      ...before,
      endsInARow: countEnds(before.endsInARow, finishedAt - run.startedAt, backoff),
      state: {
        kind: 'terminated',
        id: run.id,
        exitCode: exit.exitCode,
        ...(exit.signal !== undefined && { signal: exit.signal }),
        reason: exit.exitCode === 0 ? 'Completed' : 'Error',
        ...(exit.lastWords && { message: exit.lastWords }),
        startedAt: run.startedAt,
        finishedAt,
      },
    };
    this.records.set(name, record);
    if (!this.ending && startAt(record, backoff) > finishedAt) {
      this.event('Warning', 'BackOff', backoffMessage(name, record, { pod: this.pod, backoff }));
    }
    this.wake.wake();
  }

  private change(name: string, state: Running): void {
    const record = this.records.get(name);
    if (record) this.records.set(name, { ...record, state });
    this.wake.wake();
  }

  private publish(): void {
    if (this.ending === 'removed') return;
    const { clock, backoff } = this.options;
    const deleted = this.ending === 'deleted';
    this.previous = podStatus({
      pod: this.pod,
      containers: this.records,
      terminating: this.ending !== undefined,
      deleted,
      now: clock.now(),
      backoff,
      previous: this.previous,
    });
    this.writer.set(this.previous);
  }

  /** Whether the worker's task is over now that nothing runs. */
  private async concluded(ending: Ending): Promise<boolean> {
    const { client, clock, folder, logger } = this.options;
    if (ending === 'removed') {
      await rm(folder, { recursive: true, force: true });
      return true;
    }
    await this.writer.flush();
    if (ending === 'shutdown' || this.over.signal.aborted) return true;
    if (this.deletionConfirmed) return false; // finalizers keep the object: its removal will be told
    this.retryAt = undefined;
    try {
      await client.delete(pods, this.ref, { uid: this.uid, gracePeriodSeconds: 0, signal: this.over.signal });
      this.deletionConfirmed = true;
    } catch (error) {
      this.deletionConfirmed = isNotFound(error);
      if (!this.deletionConfirmed && !this.over.signal.aborted) {
        logger.warn({ err: error, pod: this.ref }, 'confirming the deletion of a pod failed; trying again');
        this.retryAt = clock.now() + deleteRetryMs;
      }
    }
    return false;
  }

  private event(type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.options.recordEvent(this.pod, type, reason, message);
  }
}

function isSpawnError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error && typeof error.syscall === 'string' && error.syscall.startsWith('spawn');
}
