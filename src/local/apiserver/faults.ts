/** Which requests a fault is for; absent fields match everything. */
export type FaultMatch = {
  readonly verb?: Verb;
  /** The plural name, such as `pods`. */
  readonly resource?: string;
  readonly namespace?: string;
  readonly name?: string;
  readonly subresource?: string;
};

export type Verb = 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete' | 'deletecollection';

/** A request as faults see it. */
export type FaultTarget = FaultMatch & { readonly verb: Verb; readonly resource: string };

/** What happens to a request. */
export type Fault =
  | { readonly kind: 'fail'; readonly status: 409 | 410 | 429 | 500 | 503; readonly retryAfterSeconds?: number }
  /** Answers after this many milliseconds. */
  | { readonly kind: 'slow'; readonly ms: number }
  /** A list or get answers from this many revisions ago, as a lagging cache does. */
  | { readonly kind: 'stale'; readonly revisions: number }
  /** The connection is cut without an answer, after the request took effect when `afterEffect`. */
  | { readonly kind: 'cut'; readonly afterEffect?: boolean };

type Rule = { readonly match: FaultMatch; readonly fault: Fault; left: number };

type OpenWatch = { readonly target: FaultTarget; cut(): void; expire(): void };

/** Makes the server misbehave on demand, so that tests can show what clients make of it. Nothing happens unless asked for. */
export class Faults {
  private rules: Rule[] = [];
  private readonly watches = new Set<OpenWatch>();
  private readonly mutedBookmarks = new Set<FaultMatch>();

  /** Applies a fault to the next `times` matching requests. */
  next(match: FaultMatch, fault: Fault, times = 1): void {
    this.rules.push({ match, fault, left: times });
  }

  /** Drops the connections of matching watches, as a dying proxy does. Returns how many there were. */
  cutWatches(match: FaultMatch = {}): number {
    return this.eachWatch(match, (watch) => watch.cut());
  }

  /** Ends matching watches with an ERROR event of code 410 in the stream. Returns how many there were. */
  expireWatches(match: FaultMatch = {}): number {
    return this.eachWatch(match, (watch) => watch.expire());
  }

  /** The next watch is answered with HTTP status 410; with {@link expireWatches} these are both shapes in which clients meet it. */
  refuseWatches(match: FaultMatch = {}, times = 1): void {
    this.next({ ...match, verb: 'watch' }, { kind: 'fail', status: 410 }, times);
  }

  /** Sends no bookmarks to matching watches until the returned function is called. */
  dropBookmarks(match: FaultMatch = {}): () => void {
    this.mutedBookmarks.add(match);
    return () => this.mutedBookmarks.delete(match);
  }

  /** Forgets every fault that has not happened yet. */
  clear(): void {
    this.rules = [];
    this.mutedBookmarks.clear();
  }

  /** How many matching watches are open: lets a test wait for a client to be connected. */
  openWatches(match: FaultMatch = {}): number {
    return this.eachWatch(match, () => {});
  }

  /** For the server: the fault of this request, used up by asking. */
  take(target: FaultTarget): Fault | undefined {
    const rule = this.rules.find(({ match }) => matches(match, target));
    if (!rule) return undefined;
    rule.left -= 1;
    if (rule.left <= 0) this.rules = this.rules.filter((each) => each !== rule);
    return rule.fault;
  }

  /** For the server: a watch has opened. Returns how to say that it ended. */
  register(watch: OpenWatch): () => void {
    this.watches.add(watch);
    return () => this.watches.delete(watch);
  }

  /** For the server: whether bookmarks to this watch are dropped. */
  dropsBookmarks(target: FaultTarget): boolean {
    return [...this.mutedBookmarks].some((match) => matches(match, target));
  }

  private eachWatch(match: FaultMatch, act: (watch: OpenWatch) => void): number {
    const chosen = [...this.watches].filter((watch) => matches(match, watch.target));
    for (const watch of chosen) act(watch);
    return chosen.length;
  }
}

function matches(match: FaultMatch, target: FaultTarget): boolean {
  return (['verb', 'resource', 'namespace', 'name', 'subresource'] as const).every(
    (field) => match[field] === undefined || match[field] === target[field],
  );
}
