import { isJsonObject, type JsonObject } from '../../../core/json.ts';
import type { ApiContext, Call, Reply } from '../context.ts';
import { readObject } from '../negotiation.ts';
import { metadataText } from '../object.ts';
import { presentObject } from '../present.ts';
import { statuses } from '../status.ts';
import { commit } from './commit.ts';
import { checkIdentity, writeOptions } from './options.ts';
import { existing, isReleased } from './update.ts';

/** PUT of `namespaces/NAME/finalize`: the only way to change spec.finalizers; without any, a namespace being deleted goes. */
export async function finalize(context: ApiContext, call: Call): Promise<Reply> {
  const body = await readObject(call.request);
  checkIdentity(call, body);
  const finalizers = isJsonObject(body.spec) && Array.isArray(body.spec.finalizers) ? body.spec.finalizers : [];
  const { object } = await commit(context, call.definition, call.name ?? '', writeOptions(call.query).dryRun, (stored) => {
    const current = existing(call, stored);
    const revision = metadataText(body, 'resourceVersion');
    if (revision !== undefined && revision !== metadataText(current, 'resourceVersion'))
      throw statuses.modified(call.definition, call.name ?? '');
    const next: JsonObject = { ...current, spec: { ...(isJsonObject(current.spec) ? current.spec : {}), finalizers } };
    const gone = metadataText(next, 'deletionTimestamp') !== undefined && isReleased(next);
    return { mutation: gone ? { op: 'delete', last: next } : { op: 'put', object: next }, object: next, warnings: [] };
  });
  return { code: 200, body: presentObject(context, call, object) };
}
