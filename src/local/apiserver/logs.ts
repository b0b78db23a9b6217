/** Where the output of a container is read from: the kubelet provides it, `GET pods/NAME/log` serves it. */
export type LogSource = {
  /**
   * Opens the log of a container (of the only one, when `container` is absent). The iterable ends when the log does, or never while
   * following, until `signal` aborts. Throws {@link LogsUnavailableError} when there is no such log.
   */
  open(ref: LogRef, options: LogOptions, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
};

export type LogRef = { readonly namespace: string; readonly pod: string; readonly container?: string };

export type LogOptions = {
  readonly follow: boolean;
  readonly previous: boolean;
  readonly timestamps: boolean;
  readonly tailLines?: number;
  readonly sinceSeconds?: number;
  /** An RFC 3339 time. */
  readonly sinceTime?: string;
  readonly limitBytes?: number;
};

/** There is no such log, or not yet; the message says why, as the kubelet of a cluster does. Answered as 400 BadRequest. */
export class LogsUnavailableError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'LogsUnavailableError';
  }
}
