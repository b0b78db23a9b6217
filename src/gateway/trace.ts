/** Version, trace, parent and flags (https://www.w3.org/TR/trace-context/#traceparent-header); later versions may have more. */
const pattern = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-[\x21-\x7e]{0,64})?$/;

/**
 * The caller's `traceparent` when it is one. The gateway makes no spans, so it passes the header on as it is and invents none: a
 * made-up one would decide for the workers whether they trace.
 */
export function givenTrace(header: string | string[] | undefined): string | undefined {
  return typeof header === 'string' && pattern.test(header) ? header : undefined;
}

/** The id of the whole trace. */
export function traceIdOf(traceparent: string): string {
  return traceparent.slice(3, 35);
}
