/** How an engine with continuous batching spends its time and its memory. */
export type EngineShape = {
  /** Tokens that the KV cache holds. */
  readonly kvTokens: number;
  readonly maxSequences: number;
  /** Time of a step for itself, for each sequence in it, and for each token of a prompt that it reads. */
  readonly stepMs: number;
  readonly sequenceMs: number;
  readonly promptTokenMs: number;
};

/** A request at the engine. */
export type Sequence = {
  readonly promptTokens: number;
  readonly outputTokens: number;
  generated: number;
  onFirst(): void;
  onDone(): void;
};

/**
 * Continuous batching as vLLM does it: what fits is admitted, first come first served; each step gives every sequence a token; when the
 * KV cache is full the newest sequence is put back and later computed again. This, and not the number of those who wait, costs throughput.
 */
export class BatchingEngine {
  private readonly shape: EngineShape;
  private readonly waiting: Sequence[] = [];
  private readonly running: Sequence[] = [];
  private used = 0;
  preemptions = 0;

  constructor(shape: EngineShape) {
    this.shape = shape;
  }

  get idle(): boolean {
    return this.waiting.length + this.running.length === 0;
  }

  submit(sequence: Sequence): void {
    this.waiting.push(sequence);
  }

  cancel(sequence: Sequence): void {
    remove(this.waiting, sequence);
    if (remove(this.running, sequence)) this.used -= sizeOf(sequence);
  }

  /** Does one step and tells how long it takes, in milliseconds. */
  step(): number {
    const { kvTokens, maxSequences, stepMs, sequenceMs, promptTokenMs } = this.shape;
    let read = 0;
    for (let next = this.waiting[0]; next && this.running.length < maxSequences; next = this.waiting[0]) {
      if (this.used + sizeOf(next) + 1 > kvTokens) break;
      this.waiting.shift();
      this.running.push(next);
      this.used += sizeOf(next);
      read += sizeOf(next);
    }
    while (this.used + this.running.length > kvTokens && this.running.length > 1) this.preempt();
    const batch = this.running.length;
    for (const sequence of [...this.running]) this.generate(sequence);
    return stepMs + batch * sequenceMs + read * promptTokenMs;
  }

  private generate(sequence: Sequence): void {
    sequence.generated += 1;
    this.used += 1;
    if (sequence.generated === 1) sequence.onFirst();
    if (sequence.generated < sequence.outputTokens) return;
    remove(this.running, sequence);
    this.used -= sizeOf(sequence);
    sequence.onDone();
  }

  private preempt(): void {
    const newest = this.running.pop();
    if (!newest) return;
    this.preemptions += 1;
    this.used -= sizeOf(newest);
    this.waiting.unshift(newest);
  }
}

function sizeOf({ promptTokens, generated }: Sequence): number {
  return promptTokens + generated;
}

function remove(from: Sequence[], sequence: Sequence): boolean {
  const at = from.indexOf(sequence);
  if (at >= 0) from.splice(at, 1);
  return at >= 0;
}
