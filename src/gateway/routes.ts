import type { Stage } from './pipeline.ts';
import { accept } from './stages/accept.ts';
import { account } from './stages/account.ts';
import { authenticate } from './stages/authenticate.ts';
import { authorise } from './stages/authorise.ts';
import { cache } from './stages/cache.ts';
import { forward } from './stages/forward.ts';
import { limit } from './stages/limit.ts';
import { describeModel, listModels, modelPathPrefix } from './stages/list-models.ts';
import { parse } from './stages/parse.ts';
import { pick } from './stages/pick.ts';
import { live, ready } from './stages/probe.ts';
import { queue } from './stages/queue.ts';
import { read } from './stages/read.ts';
import { notAllowed, notFound, refuseClosing } from './stages/refuse.ts';
import { resolve } from './stages/resolve.ts';
import { shape } from './stages/shape.ts';
import { translate } from './stages/translate.ts';

/** The way of a request to a model. `account` is first because it sees every end, also that of a refused request. */
const inference: readonly Stage[] = [
  account,
  accept,
  authenticate,
  read,
  parse,
  resolve,
  authorise,
  limit,
  shape,
  cache,
  queue,
  pick,
  forward,
];

/** The same for a surface that not every worker knows. */
const responses: readonly Stage[] = inference.flatMap((stage) => (stage === shape ? [translate, shape] : [stage]));

type Route = { readonly methods: readonly string[]; readonly stages: readonly Stage[]; readonly probe?: true };

/** HEAD is answered like GET. */
const get = ['GET', 'HEAD'];
const post = ['POST'];

const routes = new Map<string, Route>([
  ['/v1/chat/completions', { methods: post, stages: inference }],
  ['/v1/completions', { methods: post, stages: inference }],
  ['/v1/responses', { methods: post, stages: responses }],
  ['/v1/embeddings', { methods: post, stages: inference }],
  ['/generate', { methods: post, stages: inference }],
  ['/v1/models', { methods: get, stages: [account, authenticate, listModels] }],
  ['/healthz', { methods: get, stages: [live], probe: true }],
  ['/readyz', { methods: get, stages: [ready], probe: true }],
]);

const oneModel: Route = { methods: get, stages: [account, authenticate, describeModel] };

/**
 * The stages for a request. What has no route gets a 404 or 405 in OpenAI's shape.
 * Once running answers are cut off, new requests are refused; probes are still answered.
 */
export function stagesFor(method: string, path: string, cutting: boolean): readonly Stage[] {
  const route = routes.get(path) ?? (path.startsWith(modelPathPrefix) ? oneModel : undefined);
  if (!route) return [account, notFound];
  if (!route.methods.includes(method)) return [account, notAllowed(route.methods.join(', '))];
  return cutting && !route.probe ? [account, refuseClosing] : route.stages;
}
