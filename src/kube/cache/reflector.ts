import type { Clock, Random } from '../../core/clock.ts';
import type { Logger } from '../../core/logger.ts';
import { untilAborted } from '../abort.ts';
import { ApiError } from '../client/api-error.ts';
import type { KubeClient } from '../client/kube-client.ts';
import type { Selection } from '../client/options.ts';
import { type KubeObject, keyOf, type ResourceType } from '../client/types.ts';
import type { WatchEvent } from '../client/watch-event.ts';
import { ReflectorBackoff } from './backoff.ts';
import { isOlder } from './changes.ts';
import { type Ending, recover } from './recovery.ts';

/** Where a reflector writes what it learns. */
type Sink<T extends KubeObject> = {
  /** What will be kept of an object of a list, so that the rest of a large list can go while it is read. */
  keep?(object: T): T;
  /** The whole truth, from a list. */
  replace(objects: readonly T[]): void;
  set(object: T): void;
  delete(object: T): void;
};

/** The two verbs that a reflector needs of a client. */
export type ListerWatcher = Pick<KubeClient, 'list' | 'watch'>;

export type ReflectorOptions<T extends KubeObject> = {
  readonly client: ListerWatcher;
  readonly type: ResourceType<T>;
  readonly selection: Selection;
  readonly sink: Sink<T>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** `watchList` streams the initial state (Kubernetes 1.34), and falls back to paged lists where the server does not. */
  readonly initial: 'list' | 'watchList';
  /** The longest silence of a watch in milliseconds. */
  readonly idleMs?: number | undefined;
};

const shortWatchMs = 1_000;
// A server that streams its state has no pause like this in it.
const streamIdleMs = 10_000;

/**
 * Keeps a sink equal to what the server holds: list, then watch with bookmarks, resumed from the last resourceVersion
 * after every cut, listed anew when that is expired (after client-go's tools/cache/reflector.go).
 */
export class Reflector<T extends KubeObject> {
  private readonly options: ReflectorOptions<T>;
  private readonly backoff: ReflectorBackoff;
  private streams: boolean;
  /** Everything up to here is in the sink; undefined: list first. */
  private version: string | undefined;
  private failures = 0;
  private lastProblem: unknown;
  /** Ends the try that goes on, or the wait after it, when somebody asks for a fresh list. */
  private interrupt = new AbortController();
  private readonly asked: (() => void)[] = [];

  constructor(options: ReflectorOptions<T>) {
    this.options = options;
    this.backoff = new ReflectorBackoff(options.random);
    this.streams = options.initial === 'watchList';
  }

  /** Why the last try failed; undefined since the whole state was last read. */
  get problem(): unknown {
    return this.lastProblem;
  }

  /** Runs until `signal` aborts; every failure of the server or the line is survived. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.interrupt = new AbortController();
      if (this.asked.length > 0) this.version = undefined;
      const whole = AbortSignal.any([signal, this.interrupt.signal]);
      const ending = await this.attempt(whole);
      if (!whole.aborted) await this.prepareNext(ending, whole);
    }
  }

  /**
   * Lists anew, without waiting for the end of a back-off. Resolves when the sink holds what the server held at the call,
   * or later; rejects with the signal's reason.
   */
  refresh(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.asked.push(resolve);
    this.interrupt.abort();
    return untilAborted(promise, signal);
  }

  private async attempt(signal: AbortSignal): Promise<Ending> {
    const { clock } = this.options;
    const resumed = this.version !== undefined;
    let during: Ending['during'] = resumed ? 'watch' : this.streams ? 'stream' : 'list';
    let startedAt = clock.now();
    let from = this.version;
    let error: unknown;
    // Who asks from now on wants a later list than this one.
    const asked = this.asked.length;
    const onWhole = () => {
      during = 'watch';
      startedAt = clock.now();
      from = this.version;
      this.lastProblem = undefined;
      for (const resolve of this.asked.splice(0, asked)) resolve();
    };
    try {
      if (during === 'list') {
        await this.list(signal);
        onWhole();
      }
      await this.watch(signal, onWhole);
    } catch (thrown) {
      error = thrown;
    }
    this.lastProblem = error ?? this.lastProblem;
    const progressed = during === 'watch' && (this.version !== from || clock.now() - startedAt >= shortWatchMs);
    this.failures = progressed ? (error === undefined ? 0 : 1) : this.failures + 1;
    return { during, resumed, error, progressed, failures: this.failures };
  }

  private async prepareNext(ending: Ending, signal: AbortSignal): Promise<void> {
    const { clock, logger, type } = this.options;
    const step = recover(ending);
    if (step.giveUpStream) this.streams = false;
    if (step.next === 'list') this.version = undefined;
    const waitMs = step.wait ? Math.max(this.backoff.next(clock.now()), step.atLeastMs) : step.atLeastMs;
    const level = ending.error === undefined || !step.wait ? 'debug' : 'warn';
    logger[level](
      { kind: type.kind, during: ending.during, next: step.next, waitMs: Math.round(waitMs), err: ending.error },
      'watch interrupted',
    );
    if (waitMs > 0) await clock.sleep(waitMs, signal).catch(() => {}); // aborted, or interrupted: the caller's loop sees it
  }

  private async list(signal: AbortSignal): Promise<void> {
    const { client, type, selection, sink } = this.options;
    const { items, resourceVersion } = await client.list(type, selection, { signal, keep: sink.keep, dropManagedFields: true });
    sink.replace(items);
    this.version = resourceVersion;
  }

  private async watch(signal: AbortSignal, onWhole: () => void): Promise<void> {
    const { client, type, selection, sink, random, idleMs } = this.options;
    const streaming = this.version === undefined;
    const events = client.watch(
      type,
      {
        ...selection,
        resourceVersion: this.version ?? '',
        allowWatchBookmarks: true,
        // Random, so that the watches of a fleet do not all end at once.
        timeoutSeconds: Math.round(300 + 300 * random()),
        ...(streaming ? { sendInitialEvents: true, idleMs: streamIdleMs } : { idleMs }),
      },
      signal,
    );
    let initial = streaming ? new Map<string, T>() : undefined;
    for await (const event of events) {
      if (!initial) {
        this.follow(event);
      } else if (collect(initial, event)) {
        sink.replace([...initial.values()]);
        this.version = event.object.metadata?.resourceVersion;
        initial = undefined;
        onWhole();
      }
    }
  }

  private follow(event: WatchEvent<T>): void {
    const { sink } = this.options;
    if (event.type === 'ERROR') throw new ApiError(event.object, { context: 'the watch ended' });
    const { resourceVersion } = event.object.metadata;
    // Versions of one collection only grow (KEP-5504): an older one is a repetition, and must not bring back what is gone.
    if (isOlder(resourceVersion, this.version)) return;
    if (event.type === 'DELETED') sink.delete(event.object);
    else if (event.type !== 'BOOKMARK') sink.set(event.object);
    if (resourceVersion) this.version = resourceVersion;
  }
}

/** Gathers the initial state of a WatchList; true at the bookmark that ends it. */
function collect<T extends KubeObject>(
  initial: Map<string, T>,
  event: WatchEvent<T>,
): event is Extract<WatchEvent<T>, { readonly type: 'BOOKMARK' }> {
  switch (event.type) {
    case 'ERROR':
      throw new ApiError(event.object, { context: 'the watch ended' });
    case 'BOOKMARK':
      return event.object.metadata.annotations?.['k8s.io/initial-events-end'] === 'true';
    case 'DELETED':
      initial.delete(keyOf(event.object));
      return false;
    default:
      initial.set(keyOf(event.object), event.object);
      return false;
  }
}
