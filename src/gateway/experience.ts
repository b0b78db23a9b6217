import { UsualOutput } from './policies/usual-output.ts';
import { RecentMean } from './recent-mean.ts';
import { ResponseHomes } from './response-homes.ts';

/** For how long after a request the deployment counts as asked for. */
const recentMs = 30_000;

/** What a gateway has learned of a deployment's requests. */
export class Experience {
  /** Where the responses are that workers keep. */
  readonly homes = new ResponseHomes();
  /** How many requests have come in all, also those that were refused. */
  arrivals = 0;
  private arrivedAt = Number.NEGATIVE_INFINITY;
  private answers = 0;
  /** A guess until the first answer has ended. */
  private meanMs = 1_000;
  private readonly firstTokens = new RecentMean();
  private readonly outputs = new UsualOutput();
  private readonly now: () => number;

  constructor(now: () => number) {
    this.now = now;
  }

  /** Whether a request came in the last half minute. */
  get isAskedFor(): boolean {
    return this.now() - this.arrivedAt < recentMs;
  }

  /** Mean time that a replica works for an answer, in milliseconds; undefined before the first. */
  get serviceMs(): number | undefined {
    return this.answers === 0 ? undefined : this.meanMs;
  }

  /** The same, with a guess before the first. */
  get expectedServiceMs(): number {
    return this.meanMs;
  }

  /** Mean time to first token in milliseconds, of how many streams of the last half minute; undefined when of none. */
  get timeToFirstToken(): { readonly mean: number; readonly count: number } | undefined {
    return this.firstTokens.read(this.now());
  }

  /** Tokens that answers usually have at most; undefined while too few have been seen. */
  get usualOutput(): number | undefined {
    return this.outputs.tokens;
  }

  noteArrival(now: number): void {
    this.arrivals += 1;
    this.arrivedAt = now;
  }

  /** A replica has worked so long for an answer. */
  noteAnswer(ms: number): void {
    this.answers += 1;
    // The first answer ends the guess; then an exponential mean over about the last ten.
    this.meanMs += (ms - this.meanMs) / Math.min(this.answers, 10);
  }

  /** A stream's first token came so long after the request. */
  noteFirstToken(ms: number): void {
    this.firstTokens.note(ms, this.now());
  }

  /** An answer that came to its good end had so many tokens. */
  noteOutput(tokens: number): void {
    this.outputs.note(tokens);
  }
}
