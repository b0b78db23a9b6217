import { ApiError } from '../client/api-error.ts';
import type { Lease } from '../client/resources.ts';
import type { LeaseStore } from '../runtime/leader-election-lease.ts';

/** The Lease of an API server in memory, with optimistic concurrency. `watch` tells every change. */
export class FakeLease implements LeaseStore {
  readonly key = 'ns/l';
  current: Lease | undefined;
  private version = 0;
  private readonly watchers = new Set<() => void>();

  async read(): Promise<Lease | undefined> {
    return this.current;
  }

  async create(spec: Lease['spec']): Promise<Lease> {
    if (this.current) throw new ApiError({ code: 409, reason: 'AlreadyExists' });
    return this.put({
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { namespace: 'ns', name: 'l' },
      ...(spec && { spec }),
    });
  }

  async update(lease: Lease): Promise<Lease> {
    if (!this.current) throw new ApiError({ code: 404, reason: 'NotFound' });
    if (lease.metadata.resourceVersion !== this.current.metadata.resourceVersion) throw new ApiError({ code: 409, reason: 'Conflict' });
    return this.put(lease);
  }

  /** The lease over one candidate's line: `sent` and `answered` run around each request, and may hold it up or lose it. */
  over(line: { sent(): Promise<void>; answered?(): Promise<void> }): LeaseStore {
    const exchange = async <R>(request: () => Promise<R>): Promise<R> => {
      await line.sent();
      const answer = await request();
      await line.answered?.();
      return answer;
    };
    return {
      key: this.key,
      read: () => exchange(() => this.read()),
      create: (spec) => exchange(() => this.create(spec)),
      update: (lease) => exchange(() => this.update(lease)),
      watch: (signal) => this.watch(signal),
    };
  }

  delete(): void {
    this.current = undefined;
    this.tell();
  }

  async *watch(signal: AbortSignal): AsyncGenerator<Lease | undefined, void> {
    while (!signal.aborted) {
      yield this.current;
      await new Promise<void>((resolve) => {
        const wake = () => {
          this.watchers.delete(wake);
          signal.removeEventListener('abort', wake);
          resolve();
        };
        this.watchers.add(wake);
        signal.addEventListener('abort', wake, { once: true });
        if (signal.aborted) wake();
      });
    }
  }

  private put(lease: Lease): Lease {
    this.version += 1;
    this.current = { ...lease, metadata: { ...lease.metadata, resourceVersion: String(this.version) } };
    this.tell();
    return this.current;
  }

  private tell(): void {
    for (const wake of [...this.watchers]) wake();
  }
}
