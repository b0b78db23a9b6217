/** What one running request has in the KV cache; `leave` gives it back, once. */
type CacheShare = { add(tokens: number): void; leave(): void };

/**
 * How many tokens of the KV cache running requests have. What ended requests left there does not count, for it makes way for who comes:
 * so vLLM counts too.
 */
export class CacheUse {
  private held = 0;

  get tokens(): number {
    return this.held;
  }

  enter(): CacheShare {
    let own = 0;
    return {
      add: (tokens) => {
        own += tokens;
        this.held += tokens;
      },
      leave: () => {
        this.held -= own;
        own = 0;
      },
    };
  }

  /** The part of a cache of so many tokens that is in use, 0 to 1; undefined while nothing is loaded. */
  shareOf(capacityTokens: number | null): number | undefined {
    return capacityTokens === null || capacityTokens <= 0 ? undefined : Math.min(1, this.held / capacityTokens);
  }
}
