/** One answer of the OpenAI-shaped error catalogue: HTTP status, `type` and `code` as OpenAI clients know them. */
type ErrorKind<A extends readonly unknown[]> = {
  readonly status: number;
  readonly type: string;
  readonly code: string | null;
  readonly message: (...args: A) => string;
  readonly param?: string | null;
};

/** An error that is answered to an API client in OpenAI's shape. */
export class HttpError extends Error {
  readonly status: number;
  readonly type: string;
  readonly code: string | null;
  readonly param: string | null;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    kind: Omit<ErrorKind<readonly unknown[]>, 'message'>,
    message: string,
    options: ErrorOptions & { headers?: Record<string, string> } = {},
  ) {
    super(message, options);
    this.name = 'HttpError';
    this.status = kind.status;
    this.type = kind.type;
    this.code = kind.code;
    this.param = kind.param ?? null;
    this.headers = options.headers ?? {};
  }

  /** `{"error": {message, type, param, code}}` */
  toJSON(): { error: { message: string; type: string; param: string | null; code: string | null } } {
    return { error: { message: this.message, type: this.type, param: this.param, code: this.code } };
  }

  /** The same answer with these headers too, for example `retry-after`. */
  withHeaders(headers: Record<string, string>): HttpError {
    return new HttpError(this, this.message, { cause: this.cause, headers: { ...this.headers, ...headers } });
  }

  /** The same answer naming the request field that was wrong. */
  withParam(param: string): HttpError {
    return new HttpError({ status: this.status, type: this.type, code: this.code, param }, this.message, {
      cause: this.cause,
      headers: this.headers,
    });
  }

  /** The same answer keeping what caused it. */
  withCause(cause: unknown): HttpError {
    return new HttpError(this, this.message, { cause, headers: this.headers });
  }
}

function catalogue<K extends Record<string, ErrorKind<never>>>(
  kinds: K,
): { readonly [N in keyof K]: (...args: Parameters<K[N]['message']>) => HttpError } {
  const make =
    (kind: ErrorKind<never>) =>
    (...args: unknown[]) =>
      new HttpError(kind, (kind.message as (...args: unknown[]) => string)(...args));
  return Object.fromEntries(Object.entries(kinds).map(([name, kind]) => [name, make(kind)])) as never;
}

/** Every error that the gateway or a worker answers, once. `type` and `code` follow OpenAI's API where it has them. */
export const errors = catalogue({
  invalidRequest: { status: 400, type: 'invalid_request_error', code: null, message: (what: string) => what },
  malformedJson: {
    status: 400,
    type: 'invalid_request_error',
    code: 'malformed_json',
    message: (detail: string) => `The request body is not valid JSON: ${detail}.`,
  },
  contextLengthExceeded: {
    status: 400,
    type: 'invalid_request_error',
    code: 'context_length_exceeded',
    param: 'messages',
    message: (limit: number, asked: number) =>
      // LangChain knows it by the first words, LiteLLM by the second: both are OpenAI's.
      `Input tokens exceed the configured limit: this model's maximum context length is ${limit} tokens, but the request needs ${asked}. Shorten the prompt.`,
  },
  missingKey: {
    status: 401,
    type: 'invalid_request_error',
    code: 'missing_api_key',
    message: () => 'No API key was given. Send it as `Authorization: Bearer KEY`.',
  },
  invalidKey: {
    status: 401,
    type: 'invalid_request_error',
    code: 'invalid_api_key',
    // LiteLLM tells a wrong key from a wrong request by OpenAI's first three words.
    message: () => 'Incorrect API key provided: the key or token is not known or has expired.',
  },
  modelNotFound: {
    status: 404,
    type: 'invalid_request_error',
    code: 'model_not_found',
    param: 'model',
    message: (model: string) => `The model \`${model}\` does not exist or you may not use it.`,
  },
  routeNotFound: {
    status: 404,
    type: 'invalid_request_error',
    code: 'unknown_url',
    message: (method: string, path: string) => `Unknown request URL: ${method} ${path}.`,
  },
  methodNotAllowed: {
    status: 405,
    type: 'invalid_request_error',
    code: 'method_not_allowed',
    message: (method: string, path: string) => `${method} is not allowed on ${path}.`,
  },
  bodyTimeout: {
    status: 408,
    type: 'invalid_request_error',
    code: 'request_timeout',
    message: () => 'The request body did not arrive in time.',
  },
  bodyTooLarge: {
    status: 413,
    type: 'invalid_request_error',
    code: 'request_too_large',
    message: (limitBytes: number) => `The request body is larger than ${limitBytes} bytes.`,
  },
  headersTooLarge: {
    status: 431,
    type: 'invalid_request_error',
    code: 'headers_too_large',
    message: () => 'The request headers are too large.',
  },
  rateLimitExceeded: {
    status: 429,
    type: 'rate_limit_error',
    code: 'rate_limit_exceeded',
    message: (what: string) => `The limit of ${what} is reached. Try again later.`,
  },
  insufficientQuota: {
    status: 429,
    type: 'insufficient_quota',
    code: 'insufficient_quota',
    message: (what: string) => `The quota of ${what} is used up. Wait until it is renewed or ask for a larger one.`,
  },
  queueFull: {
    status: 429,
    type: 'rate_limit_error',
    code: 'queue_full',
    message: (model: string) => `The queue of \`${model}\` is full. Try again later.`,
  },
  queueTimeout: {
    status: 503,
    type: 'service_unavailable',
    code: 'queue_timeout',
    message: (model: string) => `No replica of \`${model}\` became free in time. Try again later.`,
  },
  modelLoading: {
    status: 503,
    type: 'service_unavailable',
    code: 'model_loading',
    message: (model: string, etaSeconds?: number | null) =>
      `The model \`${model}\` is loading${etaSeconds ? `, about ${Math.ceil(etaSeconds)} s remain` : ''}. Try again later.`,
  },
  modelUnavailable: {
    status: 503,
    type: 'service_unavailable',
    code: 'model_unavailable',
    message: (model: string) => `No replica of \`${model}\` can serve now. Try again later.`,
  },
  modelAtZero: {
    status: 503,
    type: 'service_unavailable',
    code: 'model_unavailable',
    message: (model: string, namespace: string, name: string) =>
      `The model \`${model}\` has been scaled to zero by hand, so that no call starts it. Whoever operates it can: \`kubectl scale mdep/${name} -n ${namespace} --replicas=1\`.`,
  },
  draining: { status: 503, type: 'service_unavailable', code: 'draining', message: () => 'This replica is shutting down. Try again.' },
  starting: {
    status: 503,
    type: 'service_unavailable',
    code: 'starting',
    message: () => 'The gateway is starting and does not know keys and models yet. Try again.',
  },
  issuerUnavailable: {
    status: 503,
    type: 'service_unavailable',
    code: 'issuer_unavailable',
    message: () => 'The issuer of your token cannot be reached, so that the token cannot be checked. Try again later.',
  },
  limitsUnavailable: {
    status: 503,
    type: 'service_unavailable',
    code: 'limits_unavailable',
    message: () => 'The gateway cannot tell now how much you have used. Try again later.',
  },
  upstreamFailed: {
    status: 502,
    type: 'api_error',
    code: 'upstream_failed',
    message: (model: string) => `The replica that served \`${model}\` failed before it answered. Try again.`,
  },
  streamInterrupted: {
    status: 502,
    type: 'api_error',
    code: 'stream_interrupted',
    message: (model: string) => `The replica that served \`${model}\` failed in the middle of the answer. What came before is incomplete.`,
  },
  upstreamTimeout: {
    status: 504,
    type: 'api_error',
    code: 'upstream_timeout',
    message: (model: string, what: string) => `The replica that serves \`${model}\` sent nothing in time (${what}).`,
  },
  engineFailed: { status: 500, type: 'api_error', code: 'engine_failed', message: (detail: string) => `The engine failed: ${detail}.` },
  internal: { status: 500, type: 'api_error', code: 'internal_error', message: () => 'An internal error occurred.' },
});
