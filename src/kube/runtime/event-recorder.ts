import { randomUUID } from 'node:crypto';
import { type Clock, systemClock } from '../../core/clock.ts';
import { type Logger, silentLogger } from '../../core/logger.ts';
import { untilAborted } from '../abort.ts';
import { ConnectionError, isNotFound } from '../client/api-error.ts';
import type { KubeClient } from '../client/kube-client.ts';
import { type Event, events } from '../client/resources.ts';
import type { Draft, KubeObject } from '../client/types.ts';
import { timestamp } from '../time.ts';
import { type Correlated, EventCorrelator } from './event-correlator.ts';
import { TokenBucket } from './rate-limiter.ts';

export type EventRecorderOptions = {
  readonly client: Pick<KubeClient, 'create' | 'mergePatch'>;
  /** Who speaks, for example `modelfleet-controller`. */
  readonly component: string;
  /** Which of them, for example the pod's name. */
  readonly instance?: string | undefined;
  readonly clock?: Clock | undefined;
  readonly logger?: Logger | undefined;
  readonly newId?: (() => string) | undefined;
  /** Events written a second in all, after a burst of 50; 20 unless told. */
  readonly perSecond?: number | undefined;
};

type Pending = {
  readonly object: KubeObject;
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly correlated: Correlated;
  readonly lastAt: number;
};

const maxPending = 1000;
// A fleet that changes as a whole must not spend the API server's time on being told so.
const perSecondUnlessTold = 20;
const burst = 50;
const maxTries = 5;
const firstRetryMs = 500;
// core/v1 validation: a longer message fails the write.
const maxMessageLength = 1024;
// A name has 253 characters at most, and 17 are ours.
const maxNameLength = 236;

/**
 * Tells people what happened to an object through core/v1 Events. Repeats count up on one Event.
 * Never blocks and never throws: what cannot be written is logged and dropped, and when too much waits, ordinary news before warnings.
 */
export class EventRecorder {
  private readonly options: EventRecorderOptions;
  private readonly clock: Clock;
  private readonly logger: Logger;
  private readonly correlator = new EventCorrelator();
  /** By correlation key: of an Event that is not yet written, only the newest state is. */
  private readonly pending = new Map<string, Pending>();
  private readonly names = new Map<string, string>();
  private readonly budget: TokenBucket;
  private readonly closing = new AbortController();
  private dropped = 0;
  private writing: Promise<void> | undefined;

  constructor(options: EventRecorderOptions) {
    this.options = options;
    this.clock = options.clock ?? systemClock;
    this.logger = options.logger ?? silentLogger;
    this.budget = new TokenBucket(this.clock, options.perSecond ?? perSecondUnlessTold, burst);
  }

  /** `reason` is in UpperCamelCase, `message` a sentence for people. */
  event(object: KubeObject, type: 'Normal' | 'Warning', reason: string, message: string): void {
    if (this.closing.signal.aborted) return;
    const now = this.clock.now();
    const { uid, namespace = '', name } = object.metadata;
    const identity = uid ?? `${object.kind}/${namespace}/${name}`;
    const correlated = this.correlator.correlate({ object: identity, type, reason, message }, now);
    if (!correlated) return;
    if (this.pending.size >= maxPending && !this.pending.has(correlated.key) && !this.makeRoom(type)) return;
    this.pending.set(correlated.key, { object, type, reason, correlated, lastAt: now });
    this.writing ??= this.write().finally(() => {
      this.writing = undefined;
    });
  }

  /** Resolves when every event so far is written or dropped; rejects with the signal's reason. */
  async flush(signal: AbortSignal): Promise<void> {
    while (this.writing) await untilAborted(this.writing, signal);
  }

  /** Drops what waits to be written: it must not keep a program from its end. Flush first what is worth a moment. */
  close(): void {
    this.pending.clear();
    this.closing.abort(new DOMException('the event recorder is closed', 'AbortError'));
  }

  /** Drops an event that waits, for one of this type. Answers whether there is room; if not, this one is dropped. */
  private makeRoom(type: Pending['type']): boolean {
    this.dropped += 1;
    const victim = type === 'Warning' && [...this.pending].find(([, pending]) => pending.type === 'Normal')?.[0];
    return typeof victim === 'string' && this.pending.delete(victim);
  }

  private async write(): Promise<void> {
    // Out of the caller's turn: what is said in one reconcile is written after it.
    await Promise.resolve();
    while (this.pending.size > 0) {
      const waitMs = this.budget.delay('');
      if (waitMs > 0) await this.clock.sleep(waitMs, this.closing.signal).catch(() => {}); // closed: then nothing waits any more
      const next = this.takeFirst();
      if (!next) return;
      try {
        await this.writeOne(next);
      } catch (error) {
        const { reason, object } = next;
        this.logger.warn({ err: error, reason, kind: object.kind, name: object.metadata.name }, 'an event could not be written');
      }
    }
    if (this.dropped > 0) this.logger.warn({ dropped: this.dropped }, 'more was to be told than may be written: events were dropped');
    this.dropped = 0;
  }

  /** Warnings first: somebody may have to act on them. */
  private takeFirst(): Pending | undefined {
    const first = [...this.pending].find(([, { type }]) => type === 'Warning') ?? this.pending.entries().next().value;
    if (!first) return undefined;
    this.pending.delete(first[0]);
    return first[1];
  }

  private async writeOne(pending: Pending): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        await this.send(pending);
        return;
      } catch (error) {
        // An answer is an answer; only a lost one is worth another try.
        if (!(error instanceof ConnectionError) || tries >= maxTries) throw error;
        await this.clock.sleep(firstRetryMs * 2 ** (tries - 1), this.closing.signal);
      }
    }
  }

  private async send(pending: Pending): Promise<void> {
    const { client } = this.options;
    const { correlated, object, lastAt } = pending;
    const namespace = object.metadata.namespace ?? 'default';
    const name = this.names.get(correlated.key);
    if (name !== undefined && correlated.count > 1) {
      const patch = { count: correlated.count, message: shorten(correlated.message), lastTimestamp: timestamp(lastAt) };
      try {
        await client.mergePatch(events, { namespace, name }, patch);
        return;
      } catch (error) {
        if (!isNotFound(error)) throw error; // else it expired: say it anew
      }
    }
    const created = this.compose(pending, namespace);
    await client.create(events, created);
    this.rememberName(correlated.key, created.metadata.name ?? '');
  }

  private compose({ object, type, reason, correlated, lastAt }: Pending, namespace: string): Draft<Event> {
    const { component, instance = '', newId = randomUUID } = this.options;
    const { uid, resourceVersion, name } = object.metadata;
    return {
      metadata: { namespace, name: `${name.slice(0, maxNameLength)}.${newId().replaceAll('-', '').slice(0, 16)}` },
      involvedObject: {
        apiVersion: object.apiVersion,
        kind: object.kind,
        name,
        ...(object.metadata.namespace && { namespace: object.metadata.namespace }),
        ...(uid && { uid }),
        ...(resourceVersion && { resourceVersion }),
      },
      type,
      reason,
      message: shorten(correlated.message),
      count: correlated.count,
      firstTimestamp: timestamp(correlated.firstAt),
      lastTimestamp: timestamp(lastAt),
      source: { component },
      reportingComponent: component,
      reportingInstance: instance,
    };
  }

  private rememberName(key: string, name: string): void {
    this.names.delete(key);
    this.names.set(key, name);
    const oldest = this.names.keys().next().value;
    if (this.names.size > maxPending && oldest !== undefined) this.names.delete(oldest);
  }
}

function shorten(message: string): string {
  return message.length > maxMessageLength ? `${message.slice(0, maxMessageLength - 1)}…` : message;
}
