import type { Status } from 'kubernetes-types/meta/v1.d.ts';

/** The API server refused or failed a request, or ended a watch. Keeps its whole Status object. */
export class ApiError extends Error {
  /** HTTP status, for example 409. */
  readonly code: number;
  /** Machine-readable reason of the Status, for example `AlreadyExists`; empty when the server gave none. */
  readonly reason: string;
  readonly status: Status;
  /** How long the server asks to stay away, in milliseconds. */
  readonly retryAfterMs?: number;

  constructor(status: Status, options: ErrorOptions & { context?: string; retryAfterMs?: number | undefined } = {}) {
    const message = status.message || status.reason || `HTTP ${status.code ?? 500}`;
    super(options.context ? `${options.context}: ${message}` : message, options);
    this.name = 'ApiError';
    this.code = status.code ?? 500;
    this.reason = status.reason ?? '';
    this.status = status;
    const seconds = status.details?.retryAfterSeconds;
    const retryAfterMs = options.retryAfterMs ?? (seconds === undefined ? undefined : seconds * 1000);
    if (retryAfterMs !== undefined) this.retryAfterMs = retryAfterMs;
  }
}

/** The request or its answer was lost on the way: no connection, a broken one, or no answer in time. The cause is kept. */
export class ConnectionError extends Error {
  constructor(message: string, options: ErrorOptions) {
    super(message, options);
    this.name = 'ConnectionError';
  }
}

/** This process may not write now, so nothing was sent. */
export class WriteRefused extends Error {}

export function isNotFound(error: unknown): error is ApiError {
  return error instanceof ApiError && error.code === 404;
}

/** A write lost against a newer version, or an apply against another field manager. */
export function isConflict(error: unknown): error is ApiError {
  return error instanceof ApiError && error.code === 409 && error.reason !== 'AlreadyExists';
}

export function isAlreadyExists(error: unknown): error is ApiError {
  return error instanceof ApiError && error.code === 409 && error.reason === 'AlreadyExists';
}

/** The asked resourceVersion or continue token is older than what the server keeps: list anew. */
export function isExpired(error: unknown): error is ApiError {
  return error instanceof ApiError && (error.code === 410 || error.reason === 'Expired' || error.reason === 'Gone');
}
