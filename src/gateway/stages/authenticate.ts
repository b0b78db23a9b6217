import { errors } from '../../core/errors.ts';
import type { Stage } from '../pipeline.ts';

/** The scheme is case-insensitive (RFC 9110 section 11.1); a key longer than any we make is not worth hashing. */
const bearer = /^Bearer +(\S{1,512})$/i;

/** Finds out who calls, by the hash of the API key. */
export const authenticate: Stage = (exchange, { keys, ready, clock }) => {
  const header = exchange.request.headers.authorization;
  if (header === undefined) throw errors.missingKey().withHeaders({ 'www-authenticate': 'Bearer' });

  if (!ready()) throw errors.starting().withHeaders({ 'retry-after': '1' });
  const key = bearer.exec(header)?.[1];
  exchange.caller = key === undefined ? undefined : keys.find(key, clock.now());
  if (!exchange.caller) throw errors.invalidKey().withHeaders({ 'www-authenticate': 'Bearer error="invalid_token"' });
};
