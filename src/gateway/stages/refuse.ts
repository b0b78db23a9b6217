import { errors } from '../../core/errors.ts';
import type { Stage } from '../pipeline.ts';

/** Longest part of a path that an error repeats. */
const maxEcho = 128;

export const notFound: Stage = ({ request, path }) => {
  throw errors.routeNotFound(request.method ?? '', path.slice(0, maxEcho));
};

/** Refuses a method that the path does not know, and says which it does. */
export function notAllowed(allow: string): Stage {
  return ({ request, path }) => {
    throw errors.methodNotAllowed(request.method ?? '', path.slice(0, maxEcho)).withHeaders({ allow });
  };
}

/** Refuses what comes after the end of the drain. */
export const refuseClosing: Stage = () => {
  throw errors.draining();
};
