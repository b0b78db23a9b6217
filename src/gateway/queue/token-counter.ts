/** What one token of a prompt weighs. */
const promptWeight = 1;

/** A generated token takes a step of its own, while a prompt is read in one: the weights of arXiv 2401.00588, section 5. */
const outputWeight = 2;

/** The mean answer is that of about the last so many. */
const meanOver = 10;

/** What tokens weigh as work done for a tenant. */
export function weigh(promptTokens: number, outputTokens: number): number {
  return promptWeight * promptTokens + outputWeight * outputTokens;
}

/** Who waits, as far as fairness goes. */
export type Waiter = {
  readonly tenant: string;
  /** How much of the replicas the tenant gets beside another of its priority; 1 is usual. */
  readonly weight: number;
  /** Higher goes first; 0 is usual. */
  readonly priority: number;
  /** Tokens of the prompt, about. */
  readonly promptTokens: number;
  /** What the request may cost in tokens, its answer included. */
  readonly tokens: number;
};

/** The virtual token counter of a tenant, with those of its requests that wait. */
export class TokenCounter<W extends Waiter> {
  /** Weighed tokens served, divided by the tenant's weight, answers that are only expected included. */
  served = 0;
  /** The part of `served` that is only expected. */
  private expected = 0;
  /** As of the newest request: a change of the tenant acts at once. */
  weight: number;
  running = 0;
  waitingTokens = 0;
  /** A set, because it keeps the order of arrival and lets anyone leave from the middle. */
  readonly waiting = new Set<W>();
  private meanOutput: number | undefined;
  private answers = 0;

  constructor(weight: number) {
    this.weight = weight;
  }

  /** What has been served for certain. */
  get proved(): number {
    return this.served - this.expected;
  }

  /** Counts work done for the tenant; below 0 it takes back what an estimate counted too much. */
  charge(promptTokens: number, outputTokens: number): void {
    this.served += weigh(promptTokens, outputTokens) / this.weight;
  }

  /** Counts an answer that is only expected; gives back what `unexpect` takes back. */
  expect(outputTokens: number): number {
    const added = weigh(0, outputTokens) / this.weight;
    this.served += added;
    this.expected += added;
    return added;
  }

  /** An answer is no longer only expected: it has come, or will not. */
  unexpect(added: number): void {
    this.served -= added;
    this.expected -= added;
  }

  /** How long an answer is expected to be, in tokens: as those before, within what this one may be. */
  expectedOutput({ tokens, promptTokens }: Waiter): number {
    return Math.min(this.meanOutput ?? Number.POSITIVE_INFINITY, tokens - promptTokens);
  }

  noteOutput(tokens: number): void {
    this.answers = Math.min(this.answers + 1, meanOver);
    this.meanOutput = (this.meanOutput ?? 0) + (tokens - (this.meanOutput ?? 0)) / this.answers;
  }
}
