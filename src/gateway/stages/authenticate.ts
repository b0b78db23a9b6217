import { errors } from '../../core/errors.ts';
import type { Exchange } from '../exchange.ts';
import type { Stage } from '../pipeline.ts';
import type { Caller } from '../ports.ts';

/** The scheme is case-insensitive (RFC 9110 section 11.1); what is longer than any token is not worth hashing. */
const bearer = /^Bearer +(\S{1,12000})$/i;

/** Finds out who calls, by the hash of the API key or by a token. */
export const authenticate: Stage = (exchange, { keys, ready, clock }) => {
  const header = exchange.request.headers.authorization;
  if (header === undefined) throw errors.missingKey().withHeaders({ 'www-authenticate': 'Bearer' });

  if (!ready()) throw errors.starting().withHeaders({ 'retry-after': '1' });
  const key = bearer.exec(header)?.[1];
  const caller = key === undefined ? undefined : keys.find(key, clock.now());
  return caller instanceof Promise ? caller.then((found) => admit(exchange, found)) : admit(exchange, caller);
};

function admit(exchange: Exchange, caller: Caller | undefined): undefined {
  if (!caller) throw errors.invalidKey().withHeaders({ 'www-authenticate': 'Bearer error="invalid_token"' });
  exchange.caller = caller;
}
