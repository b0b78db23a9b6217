/** Fewer answers say nothing. */
const leastAnswers = 20;

/** An answer weighs so much less than the next: those of the last few hundred count. */
const growth = 1.005;

/** Weights are made small again before they outgrow numbers. */
const heaviest = 1e100;

/** Buckets for each doubling of length: an estimate is at most a fifth too high. */
const perDoubling = 4;

/** Up to a million tokens. */
const buckets = 20 * perDoubling + 1;

/** The part of the answers that is no longer than what is taken to be usual. */
const part = 0.9;

/** Learns how long the answers of a model are: what nine of ten recent ones did not exceed. A note costs a logarithm, the estimate 80 additions. */
export class UsualOutput {
  private readonly weights = new Float64Array(buckets);
  private weight = 1;
  private total = 0;
  private answers = 0;
  private known: number | undefined;

  /** An answer had so many tokens. One without says nothing: embeddings have none. */
  note(tokens: number): void {
    if (tokens < 1) return;
    const bucket = Math.min(Math.ceil(Math.log2(tokens) * perDoubling), buckets - 1);
    this.weights[bucket] = (this.weights[bucket] ?? 0) + this.weight;
    this.total += this.weight;
    this.weight *= growth;
    this.answers += 1;
    this.known = undefined;
    if (this.weight > heaviest) this.lighten();
  }

  /** Tokens of an answer, as they usually are at most; undefined while too few have been seen. */
  get tokens(): number | undefined {
    if (this.answers < leastAnswers) return undefined;
    this.known ??= this.quantile();
    return this.known;
  }

  private quantile(): number {
    let below = 0;
    for (let bucket = 0; bucket < buckets; bucket += 1) {
      below += this.weights[bucket] ?? 0;
      if (below >= part * this.total) return Math.ceil(2 ** (bucket / perDoubling));
    }
    return 2 ** (buckets / perDoubling);
  }

  private lighten(): void {
    for (let bucket = 0; bucket < buckets; bucket += 1) this.weights[bucket] = (this.weights[bucket] ?? 0) / this.weight;
    this.total /= this.weight;
    this.weight = 1;
  }
}
