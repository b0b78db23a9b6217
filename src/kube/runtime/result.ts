/** How a reconcile that did not fail goes on. */
export type Result = { readonly kind: 'done' } | { readonly kind: 'requeueAfter'; readonly ms: number };

/** Nothing to do until something changes. */
export function done(): Result {
  return { kind: 'done' };
}

/** Look again after this time, whatever happens. */
export function requeueAfter(ms: number): Result {
  return { kind: 'requeueAfter', ms };
}

/** A failure that a retry cannot mend: counted, logged, and not tried again until the object changes. */
export class TerminalError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'TerminalError';
  }
}

/** What a controller makes of one run: what is counted, and what happens to the key. */
export type Outcome = {
  readonly result: 'success' | 'requeue_after' | 'error';
  readonly terminal: boolean;
  /** A bug rather than a failure of the world. */
  readonly panic: boolean;
  readonly next: { readonly kind: 'forget' } | { readonly kind: 'retry' } | { readonly kind: 'after'; readonly ms: number };
};

const bugs = [TypeError, ReferenceError, RangeError, SyntaxError, EvalError];

export function outcomeOfResult(result: Result): Outcome {
  if (result.kind === 'done') return { result: 'success', terminal: false, panic: false, next: { kind: 'forget' } };
  return { result: 'requeue_after', terminal: false, panic: false, next: { kind: 'after', ms: result.ms } };
}

export function outcomeOfError(error: unknown): Outcome {
  const terminal = error instanceof TerminalError;
  const panic = !(error instanceof Error) || bugs.some((bug) => error instanceof bug);
  return { result: 'error', terminal, panic, next: { kind: terminal ? 'forget' : 'retry' } };
}
