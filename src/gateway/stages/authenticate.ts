import { errors } from '../../core/errors.ts';
import type { Exchange } from '../exchange.ts';
import { credentialIn } from '../identity/credential.ts';
import type { Stage } from '../pipeline.ts';
import type { Caller } from '../ports.ts';

/** Finds out who calls, by the hash of the API key or by a token. */
export const authenticate: Stage = (exchange, { keys, ready }) => {
  const { request, arrivedAt } = exchange;
  const header = request.headers.authorization;
  if (header === undefined) throw errors.missingKey().withHeaders({ 'www-authenticate': 'Bearer' });

  if (!ready()) throw errors.starting().withHeaders({ 'retry-after': '1' });
  const credential = credentialIn(header, request.socket);
  const caller = credential && keys.find(credential, arrivedAt);
  return caller instanceof Promise ? caller.then((found) => admit(exchange, found)) : admit(exchange, caller);
};

function admit(exchange: Exchange, caller: Caller | undefined): undefined {
  if (!caller) throw errors.invalidKey().withHeaders({ 'www-authenticate': 'Bearer error="invalid_token"' });
  exchange.caller = caller;
}
