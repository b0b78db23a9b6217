import type { PodStatus } from 'kubernetes-types/core/v1.d.ts';
import type { Clock } from '../../core/clock.ts';
import type { Logger } from '../../core/logger.ts';
import { isNotFound, type KubeClient, type ObjectRef, pods } from '../../kube/index.ts';

const firstRetryMs = 200;
const maxRetryMs = 10_000;

/** Writes the newest status of one pod, one write at a time, skipping the ones in between; tries again until it is written or the pod is gone. */
export class StatusWriter {
  private readonly client: KubeClient;
  private readonly ref: ObjectRef;
  private readonly uid: string;
  private readonly clock: Clock;
  private readonly logger: Logger;
  private readonly closed = new AbortController();
  private wanted = '';
  private written = '';
  private writing: Promise<void> | undefined;

  constructor(options: { client: KubeClient; ref: ObjectRef; uid: string; clock: Clock; logger: Logger }) {
    this.client = options.client;
    this.ref = options.ref;
    this.uid = options.uid;
    this.clock = options.clock;
    this.logger = options.logger;
  }

  set(status: PodStatus): void {
    this.wanted = JSON.stringify(status);
    if (this.wanted === this.written || this.closed.signal.aborted) return;
    this.writing ??= this.write().finally(() => {
      this.writing = undefined;
    });
  }

  /** Resolves when the newest status is written, or cannot be any more. */
  async flush(): Promise<void> {
    await this.writing;
  }

  /** Gives up what is not written yet. */
  close(): void {
    this.closed.abort();
  }

  private async write(): Promise<void> {
    const { signal } = this.closed;
    for (let retryMs = firstRetryMs; this.wanted !== this.written && !signal.aborted; ) {
      const text = this.wanted;
      try {
        const patch = { metadata: { uid: this.uid }, status: JSON.parse(text) as PodStatus }; // the uid: never another pod of that name
        await this.client.mergePatch(pods, this.ref, patch, { subresource: 'status', signal });
        this.written = text;
        retryMs = firstRetryMs;
      } catch (error) {
        if (isNotFound(error)) return this.close();
        if (signal.aborted) return;
        this.logger.warn({ err: error }, 'writing the status of a pod failed; trying again');
        await this.clock.sleep(retryMs, signal).catch(() => undefined);
        retryMs = Math.min(retryMs * 2, maxRetryMs);
      }
    }
  }
}
