/** Hands events from a producer that cannot wait to one consumer that can. */
export class EventQueue<T> {
  private readonly events: T[] = [];
  private wake: (() => void) | undefined;
  private outcome: { readonly error?: unknown } | undefined;

  push(event: T): void {
    if (this.outcome) return;
    this.events.push(event);
    this.wake?.();
  }

  /** No more events; the consumer gets `error`, if any, after those that are queued. The first end counts. */
  end(error?: unknown): void {
    this.outcome ??= error === undefined ? {} : { error };
    this.wake?.();
  }

  async *read(): AsyncGenerator<T, void, void> {
    for (;;) {
      for (let event = this.events.shift(); event !== undefined; event = this.events.shift()) yield event;
      if (this.outcome) {
        if ('error' in this.outcome) throw this.outcome.error;
        return;
      }
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }
}
