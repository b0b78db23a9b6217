import { type FailureReason, reasons } from './reasons.ts';

/** A failure with a reason that the API shows. The message says what was wrong and where; the remedy follows from the reason. The cause is kept. */
export class Failure extends Error {
  readonly reason: FailureReason;

  constructor(reason: FailureReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'Failure';
    this.reason = reason;
  }

  get remedy(): string {
    return reasons[this.reason];
  }
}

/**
 * The text of anything thrown, for messages that people read. A message that ends as a sentence says all there is to say;
 * after any other the cause follows.
 */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.cause === undefined || /[.!?]$/.test(error.message)) return error.message;
  return `${error.message}: ${describeError(error.cause)}`;
}
