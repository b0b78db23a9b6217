import { isJsonObject, type JsonObject } from '../../../core/json.ts';
import type { ApiContext, Call, Reply } from '../context.ts';
import { metadataText } from '../object.ts';
import { presentList, presentObject } from '../present.ts';
import { storageKey, storageResource } from '../registry.ts';
import { parseFieldSelector, parseLabelSelector, type Selector } from '../selectors.ts';
import { statuses } from '../status.ts';

/** GET of one object. */
export function get(context: ApiContext, call: Call): Reply {
  const name = call.name ?? '';
  readRevision(call.query, context.store.revision);
  const resource = storageResource(call.definition);
  const key = storageKey(call.namespace, name);
  const revision = staleRevision(context.store.revision, context.store.floor(resource), call.staleBy);
  const object =
    call.staleBy === 0 ? context.store.get(resource, key) : context.store.listAt(resource, revision)?.find((each) => keyOf(each) === key);
  if (!object) throw statuses.notFound(call.definition, name);
  return { code: 200, body: presentObject(context, call, object) };
}

/** GET of a list: of a namespace or of all, selected, in pages that together show one revision. */
export function list(context: ApiContext, call: Call): Reply {
  const { definition, query } = call;
  const limit = parseCount(query.get('limit'), 'limit') ?? 0;
  const page = startOfPage(context, call, limit);
  const selects = selectorOf(call);
  const items: JsonObject[] = [];
  let last: JsonObject | undefined;
  let remaining = 0;
  for (const object of page.objects) {
    if (page.after !== undefined && keyOf(object) <= page.after) continue;
    if (!selects(object)) continue;
    if (limit > 0 && items.length === limit) {
      remaining += 1;
      continue;
    }
    items.push(object);
    last = object;
  }
  const selective = query.get('labelSelector') || query.get('fieldSelector');
  const metadata: JsonObject = {
    resourceVersion: String(page.revision),
    ...(remaining > 0 && last ? { continue: encodeContinue({ rv: page.revision, after: keyOf(last) }) } : {}),
    ...(remaining > 0 && !selective ? { remainingItemCount: remaining } : {}),
  };
  return { code: 200, body: presentList(context, { definition, view: call.view }, items, metadata) };
}

/** What a list or watch selects: namespace, labels and fields. */
export function selectorOf(call: Pick<Call, 'definition' | 'namespace' | 'query'>): Selector {
  const byLabels = parseLabelSelector(call.query.get('labelSelector'));
  const byFields = parseFieldSelector(call.query.get('fieldSelector'), call.definition.selectableFields);
  const { namespace } = call;
  return (object) => (namespace === undefined || metadataText(object, 'namespace') === namespace) && byLabels(object) && byFields(object);
}

/** Reads `resourceVersion`: undefined when absent. Throws 400 when it is no revision, and 504 when it lies in the future. */
export function readRevision(query: URLSearchParams, current: number): number | undefined {
  const text = query.get('resourceVersion');
  if (text === null || text === '') return undefined;
  const revision = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(revision)) {
    throw statuses.badRequest(`Invalid value: ${JSON.stringify(text)}: resourceVersion must be a number`);
  }
  if (revision > current) throw statuses.tooLargeResourceVersion(revision, current);
  return revision;
}

type Page = { readonly objects: readonly JsonObject[]; readonly revision: number; readonly after?: string };
type ContinueToken = { readonly rv: number; readonly after: string };

/** Decides which revision a list shows (Kubernetes API concepts, "resourceVersion semantics of list"). */
function startOfPage(context: ApiContext, call: Call, limit: number): Page {
  const { store } = context;
  const resource = storageResource(call.definition);
  const match = call.query.get('resourceVersionMatch');
  const text = call.query.get('continue');
  if (text) {
    if (call.query.get('resourceVersion')) throw statuses.badRequest('specifying resource version is not allowed when using continue');
    const token = decodeContinue(text);
    // -1: the client accepted to go on without one consistent view.
    const revision = token.rv === -1 ? store.revision : token.rv;
    const objects = store.listAt(resource, revision);
    if (!objects) {
      throw statuses.expired(
        'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results.',
        encodeContinue({ rv: -1, after: token.after }),
      );
    }
    return { objects, revision, after: token.after };
  }
  const asked = readRevision(call.query, store.revision);
  if (match !== null && asked === undefined) {
    throw statuses.badRequest('resourceVersionMatch is forbidden unless resourceVersion is provided');
  }
  if (match !== null && match !== 'Exact' && match !== 'NotOlderThan') {
    throw statuses.badRequest(
      `resourceVersionMatch: Unsupported value: ${JSON.stringify(match)}: supported values: "Exact", "NotOlderThan"`,
    );
  }
  if (match === 'Exact' && asked === 0) throw statuses.badRequest('resourceVersionMatch "Exact" is forbidden for resourceVersion "0"');
  const exact = asked !== undefined && asked > 0 && (match === 'Exact' || (match === null && limit > 0));
  const revision = exact ? asked : staleRevision(store.revision, store.floor(resource), call.staleBy);
  const objects = store.listAt(resource, revision);
  if (!objects) throw statuses.expired(`The resourceVersion for the provided list is too old: ${revision}`);
  return { objects, revision };
}

function staleRevision(current: number, floor: number, by: number): number {
  return by === 0 ? current : Math.max(floor, current - by);
}

function keyOf(object: JsonObject): string {
  return storageKey(metadataText(object, 'namespace'), metadataText(object, 'name') ?? '');
}

function encodeContinue(token: ContinueToken): string {
  return Buffer.from(JSON.stringify(token)).toString('base64url');
}

function decodeContinue(text: string): ContinueToken {
  try {
    const token: unknown = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
    if (isJsonObject(token) && typeof token.rv === 'number' && typeof token.after === 'string') return { rv: token.rv, after: token.after };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw statuses.badRequest('continue key is not valid');
}

/** A count in a query; undefined when absent. Throws 400 when it is none. */
export function parseCount(text: string | null, parameter: string): number | undefined {
  if (text === null || text === '') return undefined;
  if (!/^\d{1,9}$/.test(text)) throw statuses.badRequest(`invalid value ${JSON.stringify(text)} for ${parameter}: not a count`);
  return Number(text);
}
