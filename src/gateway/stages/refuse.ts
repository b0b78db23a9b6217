import { errors } from '../../core/errors.ts';
import type { Stage } from '../pipeline.ts';

/** Longest part of a path that an error repeats. */
const maxEcho = 128;

export const notFound: Stage = ({ request, path }) => {
  throw errors.routeNotFound(request.method ?? '', path.slice(0, maxEcho));
};

export const notAllowed: Stage = ({ request, path }) => {
  throw errors.methodNotAllowed(request.method ?? '', path.slice(0, maxEcho));
};

/** Refuses new requests on old connections while the gateway closes. */
export const refuseClosing: Stage = () => {
  throw errors.draining();
};
