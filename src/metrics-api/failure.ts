import type { JsonObject } from '../core/json.ts';
import type { Access } from './user.ts';

/** An answer that is a failed `Status` of the Kubernetes API. */
export class StatusFailure extends Error {
  readonly code: number;
  readonly reason: string;

  constructor(code: number, reason: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'StatusFailure';
    this.code = code;
    this.reason = reason;
  }

  toStatus(): JsonObject {
    const { code, reason, message } = this;
    return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, code };
  }
}

/** Every refusal of this API, in the words that Kubernetes and its metrics adapters use. */
export const failures = {
  badRequest: (message: string, cause?: unknown) => new StatusFailure(400, 'BadRequest', message, { cause }),
  unauthorized: () => new StatusFailure(401, 'Unauthorized', 'Unauthorized'),
  forbidden: (user: string, { verb, group, resource, subresource, namespace }: Access, reason: string) => {
    const what = subresource === undefined ? resource : `${resource}/${subresource}`;
    const why = reason === '' ? '' : `: ${reason}`;
    return new StatusFailure(
      403,
      'Forbidden',
      `${what}.${group} is forbidden: User ${JSON.stringify(user)} cannot ${verb} resource ${JSON.stringify(what)} in API group ${JSON.stringify(group)} in the namespace ${JSON.stringify(namespace)}${why}`,
    );
  },
  unknownPath: () => new StatusFailure(404, 'NotFound', 'the server could not find the requested resource'),
  unknownMetric: (metric: string) => new StatusFailure(404, 'NotFound', `the server could not find the metric ${metric}`),
  noMetricFor: (metric: string, resource: string, name: string) =>
    new StatusFailure(404, 'NotFound', `the server could not find the metric ${metric} for ${resource} ${name}`),
  methodNotAllowed: () => new StatusFailure(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource'),
  notAcceptable: (offered: readonly string[]) =>
    new StatusFailure(406, 'NotAcceptable', `only the following media types are accepted: ${offered.join(', ')}`),
  internal: (cause: unknown) =>
    new StatusFailure(500, 'InternalError', 'Internal error occurred: see the log of the controller', { cause }),
  /** Without Retry-After: the clients of Kubernetes would ask ten times more before they tell anybody, and an autoscaler stands still meanwhile. */
  unavailable: (message: string, cause?: unknown) => new StatusFailure(503, 'ServiceUnavailable', message, { cause }),
} as const;
