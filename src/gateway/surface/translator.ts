import type { HttpError } from '../../core/errors.ts';

/** Turns an answer in the words of one surface into those of another, on its way to the caller. */
export type AnswerTranslator = {
  /** A whole answer of status 200. */
  whole(body: Buffer): Buffer;
  /** Complete events of a stream; nothing when they say nothing to the caller. */
  events(events: Buffer): Buffer | undefined;
  /** What is missing when the stream has ended well. */
  end(): Buffer | undefined;
  /** The event that ends a stream which broke. */
  error(error: HttpError): string;
};

/** A request in other words than its caller's, and what turns the answer into his. */
export type Translation = {
  /** Path at the worker. */
  readonly path: string;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly answer: AnswerTranslator;
};
