/** At most `free` pieces of work at a time, first come first served. */
export class Lanes {
  private free: number;
  private readonly waiting = new Set<() => void>();

  constructor(free: number) {
    this.free = free;
  }

  async run(work: () => Promise<void>, signal: AbortSignal): Promise<void> {
    await this.enter(signal);
    try {
      await work();
    } finally {
      this.leave();
    }
  }

  private enter(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.free > 0) {
      this.free -= 1;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        this.waiting.delete(enter);
        reject(signal.reason);
      };
      const enter = () => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      };
      this.waiting.add(enter);
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }

  private leave(): void {
    const [next] = this.waiting;
    if (!next) {
      this.free += 1;
      return;
    }
    this.waiting.delete(next);
    next();
  }
}
