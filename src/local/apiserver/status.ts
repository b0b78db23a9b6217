import type { JsonObject, JsonValue } from '../../core/json.ts';
import type { FieldError, ResourceDefinition } from './resource.ts';

/** One cause of a Status: kubectl prints these. */
export type StatusCause = { readonly reason: string; readonly message: string; readonly field?: string };

type StatusDetails = {
  readonly name?: string;
  readonly group?: string;
  readonly kind?: string;
  readonly uid?: string;
  readonly causes?: readonly StatusCause[];
  readonly retryAfterSeconds?: number;
};

/** What a message names: a definition, or anything with its group, plural and kind. */
type Named = Pick<ResourceDefinition, 'group' | 'plural' | 'kind'>;

/** An answer that is a failed `Status` of the Kubernetes API. */
export class StatusError extends Error {
  readonly code: number;
  readonly reason: string;
  readonly details: StatusDetails;
  /** Where a client whose continue token expired may go on, without a consistent view. */
  readonly continueToken: string | undefined;

  constructor(
    code: number,
    reason: string,
    message: string,
    details: StatusDetails = {},
    options: ErrorOptions & { continueToken?: string } = {},
  ) {
    super(message, options);
    this.name = 'StatusError';
    this.code = code;
    this.reason = reason;
    this.details = details;
    this.continueToken = options.continueToken;
  }

  toStatus(): JsonObject {
    const details: JsonObject = {};
    for (const [field, value] of Object.entries(this.details)) {
      if (value !== undefined && value !== '') details[field] = toJson(value);
    }
    return {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: this.continueToken === undefined ? {} : { continue: this.continueToken },
      status: 'Failure',
      message: this.message,
      reason: this.reason,
      ...(Object.keys(details).length > 0 ? { details } : {}),
      code: this.code,
    };
  }
}

function toJson(value: string | number | readonly StatusCause[]): JsonValue {
  return typeof value === 'object' ? value.map((cause) => ({ ...cause })) : value;
}

/** `pods` or `modeldeployments.modelfleet.dev`: how messages name a resource. */
function qualified(resource: Named): string {
  return resource.group === '' ? resource.plural : `${resource.plural}.${resource.group}`;
}

function about(resource: Named, name: string): StatusDetails {
  return { name, group: resource.group, kind: resource.plural };
}

/** The failures of the API, with the messages that kubectl and client-go know. */
export const statuses = {
  notFound: (resource: Named, name: string) =>
    new StatusError(404, 'NotFound', `${qualified(resource)} "${name}" not found`, about(resource, name)),
  unknownPath: () => new StatusError(404, 'NotFound', 'the server could not find the requested resource'),
  methodNotAllowed: () => new StatusError(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource'),
  alreadyExists: (resource: Named, name: string) =>
    new StatusError(409, 'AlreadyExists', `${qualified(resource)} "${name}" already exists`, about(resource, name)),
  conflict: (resource: Named, name: string, why: string) =>
    new StatusError(409, 'Conflict', `Operation cannot be fulfilled on ${qualified(resource)} "${name}": ${why}`, about(resource, name)),
  modified: (resource: Named, name: string) =>
    statuses.conflict(resource, name, 'the object has been modified; please apply your changes to the latest version and try again'),
  applyConflict: (message: string, causes: readonly StatusCause[]) => new StatusError(409, 'Conflict', message, { causes }),
  invalid: (resource: Named, name: string, fieldErrors: readonly FieldError[]) => {
    const texts = fieldErrors.map((error) => (error.field === '' ? error.message : `${error.field}: ${error.message}`));
    const group = resource.group === '' ? resource.kind : `${resource.kind}.${resource.group}`;
    return new StatusError(422, 'Invalid', `${group} "${name}" is invalid: ${texts.length === 1 ? texts[0] : `[${texts.join(', ')}]`}`, {
      name,
      group: resource.group,
      kind: resource.kind,
      causes: fieldErrors.map(({ reason, message, field }) => ({ reason, message, field })),
    });
  },
  badRequest: (message: string, cause?: unknown) => new StatusError(400, 'BadRequest', message, {}, { cause }),
  forbidden: (resource: Named, name: string, why: string, causes: readonly StatusCause[] = []) =>
    new StatusError(403, 'Forbidden', `${qualified(resource)} "${name}" is forbidden: ${why}`, {
      ...about(resource, name),
      ...(causes.length > 0 ? { causes } : {}),
    }),
  unauthorized: () => new StatusError(401, 'Unauthorized', 'Unauthorized'),
  notAcceptable: (offered: readonly string[]) =>
    new StatusError(406, 'NotAcceptable', `only the following media types are accepted: ${offered.join(', ')}`),
  unsupportedMediaType: (accepted: readonly string[]) =>
    new StatusError(
      415,
      'UnsupportedMediaType',
      `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`,
    ),
  tooLarge: (limitBytes: number) => new StatusError(413, 'RequestEntityTooLarge', `Request entity too large: limit is ${limitBytes}`),
  expired: (message: string, continueToken?: string) =>
    new StatusError(410, 'Expired', message, {}, continueToken === undefined ? {} : { continueToken }),
  gone: (message: string) => new StatusError(410, 'Gone', message),
  tooLargeResourceVersion: (asked: number, current: number) =>
    new StatusError(504, 'Timeout', `Too large resource version: ${asked}, current: ${current}`, {
      causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
      retryAfterSeconds: 1,
    }),
  tooManyRequests: (retryAfterSeconds: number) =>
    new StatusError(429, 'TooManyRequests', 'the server has received too many requests and has asked us to try again later', {
      retryAfterSeconds,
    }),
  internal: (message: string, cause?: unknown) =>
    new StatusError(
      500,
      'InternalError',
      `Internal error occurred: ${message}`,
      { causes: [{ reason: 'InternalError', message }] },
      { cause },
    ),
  insufficientStorage: (message: string, cause?: unknown) =>
    new StatusError(507, 'InsufficientStorage', `The write was not stored: ${message}`, {}, { cause }),
} as const;
