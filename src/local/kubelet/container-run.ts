import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Container, Pod } from 'kubernetes-types/core/v1.d.ts';
import type { Clock } from '../../core/clock.ts';
import type { Logger } from '../../core/logger.ts';
import { ContainerConfigError, containerEnvironment, expand, type References } from './environment.ts';
import type { Guardian } from './guardian.ts';
import { forgetProcess, recordProcess } from './leftovers.ts';
import { readLog } from './log-reader.ts';
import { LogWriter, rotatedPath } from './log-writer.ts';
import type { PortMap } from './ports.ts';
import { type ProbeTarget, runAction } from './probe.ts';
import { type ContainerExit, ContainerProcess } from './process.ts';
import { podIP } from './status.ts';

/** What all containers of a kubelet share. */
export type RunContext = {
  /** Image name -> the program and first arguments that stand for it. */
  readonly images: Readonly<Record<string, readonly string[]>>;
  /** Container path prefix -> real folder. */
  readonly pathMap: Readonly<Record<string, string>>;
  readonly references: References;
  readonly guardian: Guardian;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly maxLogBytes: number;
};

export type RunOptions = {
  readonly pod: Pod;
  readonly container: Container;
  /** The folder of the pod. */
  readonly folder: string;
  readonly restartCount: number;
  readonly ports: PortMap;
};

/** Where the output of a container's run lies. */
export function logPath(podFolder: string, container: string, restartCount: number): string {
  return join(podFolder, container, `${restartCount}.log`);
}

/** One run of a container: its process, its log, and what probes need to reach it. */
export class ContainerRun {
  readonly id: string;
  readonly startedAt: number;
  readonly target: ProbeTarget;
  readonly log: LogWriter;
  /** Resolves when all of it has ended and its log is complete. */
  readonly ended: Promise<ContainerExit & { readonly lastWords?: string }>;
  private readonly process: ContainerProcess;
  private readonly context: RunContext;
  private readonly over = new AbortController();
  private asked = false;

  private constructor(process: ContainerProcess, log: LogWriter, target: ProbeTarget, options: RunOptions, context: RunContext) {
    this.process = process;
    this.context = context;
    this.log = log;
    this.target = target;
    this.startedAt = context.clock.now();
    this.id = `process://${process.pid}-${options.pod.metadata?.uid}-${options.container.name}-${options.restartCount}`;
    this.ended = this.cleanUp(options, context);
  }

  /** Starts the container. Rejects with a ContainerConfigError when it cannot be started as declared, or with the system's error. */
  static async start(options: RunOptions, context: RunContext, signal: AbortSignal): Promise<ContainerRun> {
    const { pod, container, folder, restartCount, ports } = options;
    const workingDirectory = container.workingDir ?? join(folder, container.name);
    await mkdir(join(folder, container.name), { recursive: true });
    const pathMap = { ...context.pathMap, ...(await volumePaths(pod, container, folder)) };
    const environment = await containerEnvironment({
      ...{ pod, container, podIP, ports, pathMap, signal },
      references: context.references,
      inherited: process.env,
    });
    const argv = containerArgv(container, context.images, environment);
    signal.throwIfAborted();

    await removeLog(logPath(folder, container.name, restartCount - 2)); // `kubectl logs --previous` reaches back one run
    const log = new LogWriter(logPath(folder, container.name, restartCount), {
      maxBytes: context.maxLogBytes,
      clock: context.clock,
      onError: (error) => context.logger.error({ err: error, pod: pod.metadata?.name }, 'output of a container is lost'),
    });
    try {
      const child = await ContainerProcess.start({
        ...{ argv, environment, workingDirectory, clock: context.clock },
        onOutput: (stream, chunk) => log.write(stream, chunk),
      });
      context.guardian.watch(child.pid);
      await recordProcess(join(folder, container.name), child.pid).catch((error: unknown) => {
        context.logger.warn({ err: error, pid: child.pid }, 'a process is not recorded: only the guardian would end it after a crash');
      });
      const target = { container, host: podIP, ports, environment, workingDirectory };
      return new ContainerRun(child, log, target, options, context);
    } catch (error) {
      log.close();
      throw error;
    }
  }

  /** Runs its preStop hook, then asks it to end; kills it when all that takes longer than `graceMs`. Asking again with less time shortens the grace. */
  stop(graceMs: number): void {
    this.process.killAfter(graceMs);
    if (this.asked) return;
    this.asked = true;
    this.prepareStop()
      .catch((error: unknown) => {
        if (!this.over.signal.aborted) this.context.logger.warn({ err: error, container: this.id }, 'a preStop hook failed');
      })
      .finally(() => this.process.terminate());
  }

  private async prepareStop(): Promise<void> {
    const hook = this.target.container.lifecycle?.preStop;
    if (!hook) return;
    if (hook.sleep) return this.context.clock.sleep(hook.sleep.seconds * 1000, this.over.signal);
    const { ok, message } = await runAction(hook, this.target, this.over.signal);
    if (!ok) throw new Error(message);
  }

  private async cleanUp({ container, folder }: RunOptions, context: RunContext): Promise<ContainerExit & { lastWords?: string }> {
    const exit = await this.process.exited;
    this.over.abort();
    context.guardian.forget(this.process.pid);
    this.log.close();
    try {
      await forgetProcess(join(folder, container.name));
      const tellsLastWords = exit.exitCode !== 0 && container.terminationMessagePolicy === 'FallbackToLogsOnError';
      return tellsLastWords ? { ...exit, lastWords: await lastWords(this.log.path) } : exit;
    } catch (error) {
      context.logger.warn({ err: error, container: container.name }, 'cleaning up after a container failed');
      return exit;
    }
  }
}

/** What is run: the container's own command, or what stands for its image, then its arguments. */
function containerArgv(
  container: Container,
  images: Readonly<Record<string, readonly string[]>>,
  environment: Readonly<Record<string, string>>,
): readonly string[] {
  const expanded = (texts: readonly string[] | undefined) => (texts ?? []).map((text) => expand(text, environment));
  if (container.command && container.command.length > 0) return [...expanded(container.command), ...expanded(container.args)];
  const image = Object.hasOwn(images, container.image ?? '') ? images[container.image ?? ''] : undefined;
  if (!image) {
    const known = Object.keys(images).join(', ') || 'none';
    const message = `Container image "${container.image}" is not present with pull policy of Never: local mode runs programs, and knows these images: ${known}.`;
    throw new ContainerConfigError('ErrImageNeverPull', message);
  }
  return [...image, ...expanded(container.args)];
}

/** Real folders of the volumes that a process can use without a mount. */
async function volumePaths(pod: Pod, container: Container, folder: string): Promise<Record<string, string>> {
  const paths: Record<string, string> = {};
  for (const mount of container.volumeMounts ?? []) {
    const volume = pod.spec?.volumes?.find(({ name }) => name === mount.name);
    const real = volume?.emptyDir ? join(folder, 'volumes', mount.name) : volume?.hostPath?.path;
    if (real === undefined) continue;
    paths[mount.mountPath] = join(real, mount.subPath ?? '');
    if (volume?.emptyDir) await mkdir(join(real, mount.subPath ?? ''), { recursive: true });
  }
  return paths;
}

async function removeLog(path: string): Promise<void> {
  await Promise.all([rm(path, { force: true }), rm(rotatedPath(path), { force: true })]);
}

/** API: the last 80 lines or 2048 bytes of output, whichever is smaller. */
async function lastWords(path: string): Promise<string> {
  const chunks: Buffer[] = [];
  const options = { follow: false, tailLines: 80, timestamps: false };
  for await (const chunk of readLog(path, options, undefined, new AbortController().signal)) chunks.push(chunk);
  return Buffer.concat(chunks).subarray(-2048).toString().trim();
}
