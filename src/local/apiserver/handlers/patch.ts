import { isJsonObject, type JsonObject } from '../../../core/json.ts';
import { applyStrategicMergePatch, PatchError } from '../../../kube/index.ts';
import { applyConfiguration, recordUpdate } from '../apply/field-managers.ts';
import type { ApiContext, Call, Reply } from '../context.ts';
import { mediaType, parseBody, readBody } from '../negotiation.ts';
import { metadataOf, metadataText, withMetadata } from '../object.ts';
import { applyJsonPatch } from '../patch/json-patch.ts';
import { applyMergePatch } from '../patch/merge-patch.ts';
import { presentObject } from '../present.ts';
import { storageKey } from '../registry.ts';
import { statuses } from '../status.ts';
import { commit, type Decision } from './commit.ts';
import { decideCreateByApply } from './create.ts';
import { checkIdentity, writeOptions, writerOf } from './options.ts';
import { decideUpdate, existing } from './update.ts';

const jsonPatch = 'application/json-patch+json';
const mergePatch = 'application/merge-patch+json';
const strategicMergePatch = 'application/strategic-merge-patch+json';
const applyPatch = 'application/apply-patch+yaml';

/** PATCH of one object, or of its status: all four kinds of patch. */
export async function patch(context: ApiContext, call: Call): Promise<Reply> {
  return mediaType(call.request) === applyPatch ? apply(context, call) : change(context, call);
}

async function change(context: ApiContext, call: Call): Promise<Reply> {
  const propose = await readPatch(call, call.definition.builtin);
  const options = writeOptions(call.query);
  const writer = writerOf(context, call, 'Update');
  const { decision, object } = await commit(context, call.definition, keyOf(call), options.dryRun, (stored) => {
    const current = existing(call, stored);
    return decideUpdate(context, call, current, propose(current), options, (before, after) => recordUpdate(before, after, writer));
  });
  return { code: 200, body: presentObject(context, call, object), warnings: decision.warnings };
}

/** Reads a patch that is not an apply: a function from the current object to the proposed one. Throws 415 for unknown kinds. */
export async function readPatch(call: Call, strategic: boolean): Promise<(current: JsonObject) => JsonObject> {
  const type = mediaType(call.request) ?? '';
  const accepted = [jsonPatch, mergePatch, ...(strategic ? [strategicMergePatch] : []), applyPatch];
  if (!accepted.includes(type)) throw statuses.unsupportedMediaType(accepted);
  const body = parseBody(await readBody(call.request), false);
  if (type === jsonPatch) return (current) => applyJsonPatch(current, body);
  if (!isJsonObject(body)) throw statuses.badRequest('the patch must be an object');
  if (type === mergePatch) return (current) => applyMergePatch(current, body);
  return (current) => {
    try {
      return applyStrategicMergePatch(current, body, call.definition.merge);
    } catch (error) {
      throw error instanceof PatchError ? statuses.badRequest(error.message, error) : error;
    }
  };
}

async function apply(context: ApiContext, call: Call): Promise<Reply> {
  const config = parseBody(await readBody(call.request), true);
  if (!isJsonObject(config)) throw statuses.badRequest('the applied configuration must be an object');
  const options = writeOptions(call.query);
  const writer = writerOf(context, call, 'Apply');
  const force = call.query.get('force') === 'true';
  checkIdentity(call, config);
  if (metadataOf(config).managedFields !== undefined) throw statuses.badRequest('metadata.managedFields must be nil');
  const { decision, object } = await commit(
    context,
    call.definition,
    keyOf(call),
    options.dryRun,
    (stored): Decision & { created: boolean } => {
      if (!stored && call.subresource === undefined) {
        refuseIdentityOfNothing(call, config);
        return { ...decideCreateByApply(context, call, config, options, writer), created: true };
      }
      const current = existing(call, stored);
      const proposed = applyConfiguration(current, config, writer, force);
      const decided = decideUpdate(context, call, current, proposed, options, (_, after) =>
        withMetadata(after, { managedFields: metadataOf(proposed).managedFields }),
      );
      return { ...decided, created: false };
    },
  );
  return { code: decision.created ? 201 : 200, body: presentObject(context, call, object), warnings: decision.warnings };
}

/** A configuration that names a uid or revision means an object that exists. */
function refuseIdentityOfNothing(call: Call, config: JsonObject): void {
  const uid = metadataText(config, 'uid');
  if (uid !== undefined) {
    throw statuses.conflict(
      call.definition,
      call.name ?? '',
      `uid mismatch: the provided object specified uid ${uid}, and no existing object was found`,
    );
  }
  if (metadataText(config, 'resourceVersion') !== undefined) throw statuses.notFound(call.definition, call.name ?? '');
}

function keyOf(call: Call): string {
  return storageKey(call.namespace, call.name ?? '');
}
