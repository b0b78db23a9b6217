import { errors } from '../../core/errors.ts';

type Waiter = { enter(): void };

/** A running request's right to a sequence of the engine; `leave` gives it back, once. */
export type Pass = { leave(): void };

/** Lets as many requests run as the engine has sequences; the others wait in order, a bounded number of them. */
export class Admission {
  private readonly model: string;
  private readonly queueLimit: number;
  private readonly waiters = new Set<Waiter>();
  private readonly limit: number;
  private inside = 0;

  constructor(model: string, limit: number, queueLimit: number) {
    this.model = model;
    this.limit = limit;
    this.queueLimit = queueLimit;
  }

  get running(): number {
    return this.inside;
  }

  get waiting(): number {
    return this.waiters.size;
  }

  /** Resolves when the request may run. Throws 429 when the queue is full, and the signal's reason when it aborts first. */
  async enter(signal: AbortSignal): Promise<Pass> {
    signal.throwIfAborted();
    if (this.inside >= this.limit) await this.wait(signal);
    else this.inside += 1;
    let left = false;
    return {
      leave: () => {
        if (left) return;
        left = true;
        this.leave();
      },
    };
  }

  private wait(signal: AbortSignal): Promise<void> {
    if (this.waiters.size >= this.queueLimit) throw errors.queueFull(this.model).withHeaders({ 'retry-after': '1' });
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        enter: () => {
          signal.removeEventListener('abort', abort);
          resolve();
        },
      };
      const abort = () => {
        this.waiters.delete(waiter);
        reject(signal.reason);
      };
      this.waiters.add(waiter);
      signal.addEventListener('abort', abort, { once: true });
    });
  }

  private leave(): void {
    const [next] = this.waiters;
    if (next) {
      // The place goes straight to the next in line: `inside` stays.
      this.waiters.delete(next);
      next.enter();
      return;
    }
    this.inside -= 1;
  }
}
