type Entry = { readonly key: string; readonly due: number };

/** Keys with the time at which they are due, earliest first; a key is in it once, at its earliest time. A binary heap with lazy removal. */
export class DelayHeap {
  private readonly heap: Entry[] = [];
  private readonly current = new Map<string, Entry>();

  get size(): number {
    return this.current.size;
  }

  /** When the first key is due; undefined when there is none. */
  get nextDue(): number | undefined {
    this.dropSuperseded();
    return this.heap[0]?.due;
  }

  push(key: string, due: number): void {
    const existing = this.current.get(key);
    if (existing && existing.due <= due) return;
    const entry = { key, due };
    this.current.set(key, entry);
    this.heap.push(entry);
    this.siftUp(this.heap.length - 1);
  }

  /** Removes and answers the first key that is due at `now`. */
  pop(now: number): string | undefined {
    this.dropSuperseded();
    const first = this.heap[0];
    if (!first || first.due > now) return undefined;
    this.removeFirst();
    this.current.delete(first.key);
    return first.key;
  }

  clear(): void {
    this.heap.length = 0;
    this.current.clear();
  }

  private dropSuperseded(): void {
    for (let first = this.heap[0]; first && this.current.get(first.key) !== first; first = this.heap[0]) this.removeFirst();
  }

  private removeFirst(): void {
    const last = this.heap.pop();
    if (last === undefined || this.heap.length === 0) return;
    this.heap[0] = last;
    this.siftDown(0);
  }

  private siftUp(start: number): void {
    for (let at = start; at > 0; ) {
      const parent = (at - 1) >> 1;
      if (this.due(parent) <= this.due(at)) return;
      this.swap(at, parent);
      at = parent;
    }
  }

  private siftDown(start: number): void {
    for (let at = start; ; ) {
      const left = 2 * at + 1;
      const child = this.due(left + 1) < this.due(left) ? left + 1 : left;
      if (this.due(child) >= this.due(at)) return;
      this.swap(at, child);
      at = child;
    }
  }

  private due(at: number): number {
    return this.heap[at]?.due ?? Number.POSITIVE_INFINITY;
  }

  private swap(a: number, b: number): void {
    const [x, y] = [this.heap[a], this.heap[b]];
    if (!x || !y) return;
    this.heap[a] = y;
    this.heap[b] = x;
  }
}
