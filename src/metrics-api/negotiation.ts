import { failures } from './failure.ts';

/** The media type of the discovery document that describes everything in one. */
export const aggregatedType = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

/** The first shape of an Accept header that can be had: JSON, or where `aggregated` is offered that of discovery. Throws 406. */
export function negotiate(accept: string | undefined, aggregated: boolean): 'json' | 'aggregated' {
  for (const clause of (accept || '*/*').split(',')) {
    const [type = '', ...parameters] = clause.split(';').map((part) => part.trim().toLowerCase());
    if (type !== 'application/json' && type !== 'application/*' && type !== '*/*') continue;
    const options = new Map(parameters.map((parameter) => parameter.split('=', 2) as [string, string | undefined]));
    const as = options.get('as');
    if (as === undefined) return 'json';
    const known = as === 'apigroupdiscoverylist' && options.get('g') === 'apidiscovery.k8s.io' && options.get('v') === 'v2';
    if (aggregated && known) return 'aggregated';
  }
  throw failures.notAcceptable(aggregated ? ['application/json', aggregatedType] : ['application/json']);
}
