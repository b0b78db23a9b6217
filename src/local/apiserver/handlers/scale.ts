import { isJsonObject, type JsonObject } from '../../../core/json.ts';
import { applyConfiguration, recordUpdate } from '../apply/field-managers.ts';
import type { ApiContext, Call, Reply } from '../context.ts';
import { mediaType, parseBody, readBody, readObject } from '../negotiation.ts';
import { metadataOf, metadataText, valueAt, withMetadata, withValueAt } from '../object.ts';
import { storageKey, storageResource } from '../registry.ts';
import { statuses } from '../status.ts';
import { commit } from './commit.ts';
import { writeOptions, writerOf } from './options.ts';
import { readPatch } from './patch.ts';
import { decideUpdate, existing } from './update.ts';

type Paths = { readonly specReplicasPath: string; readonly statusReplicasPath: string; readonly labelSelectorPath?: string };

/** GET, PUT and PATCH of `scale`: the object's replicas as an autoscaling/v1 Scale. */
export async function scale(context: ApiContext, call: Call): Promise<Reply> {
  const paths = call.definition.subresources.scale;
  if (!paths) throw statuses.unknownPath();
  if (call.verb === 'get') {
    const stored = context.store.get(storageResource(call.definition), storageKey(call.namespace, call.name ?? ''));
    return { code: 200, body: JSON.stringify(scaleOf(existing(call, stored), paths)) };
  }
  const isApply = mediaType(call.request) === 'application/apply-patch+yaml';
  const propose = await readScale(call, isApply);
  const options = writeOptions(call.query);
  const writer = writerOf(context, call, isApply ? 'Apply' : 'Update');
  const { decision, object } = await commit(
    context,
    call.definition,
    storageKey(call.namespace, call.name ?? ''),
    options.dryRun,
    (stored) => {
      const current = existing(call, stored);
      const wanted = propose(scaleOf(current, paths));
      const replicas = replicasOf(call, wanted);
      const based = { resourceVersion: metadataText(wanted, 'resourceVersion'), uid: metadataText(wanted, 'uid') };
      if (isApply) {
        const config = withMetadata(withValueAt({}, paths.specReplicasPath, replicas), based);
        const applied = applyConfiguration(current, config, writer, call.query.get('force') === 'true');
        return decideUpdate(context, call, current, applied, options, (_, after) =>
          withMetadata(after, { managedFields: metadataOf(applied).managedFields }),
        );
      }
      const proposed = withMetadata(withValueAt(current, paths.specReplicasPath, replicas), based);
      return decideUpdate(context, call, current, proposed, options, (before, after) => recordUpdate(before, after, writer));
    },
  );
  return { code: 200, body: JSON.stringify(scaleOf(object, paths)), warnings: decision.warnings };
}

async function readScale(call: Call, isApply: boolean): Promise<(current: JsonObject) => JsonObject> {
  if (call.verb === 'patch' && !isApply) {
    const propose = await readPatch(call, false);
    return (current) => propose(current);
  }
  const body = isApply ? parseBody(await readBody(call.request), true) : await readObject(call.request);
  if (!isJsonObject(body) || body.kind !== 'Scale') throw statuses.badRequest('the body must be a Scale');
  return () => body;
}

function scaleOf(object: JsonObject, paths: Paths): JsonObject {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = metadataOf(object);
  const selector = paths.labelSelectorPath === undefined ? undefined : valueAt(object, paths.labelSelectorPath);
  const metadata: JsonObject = {};
  for (const [field, value] of Object.entries({ name, namespace, uid, resourceVersion, creationTimestamp })) {
    if (value !== undefined) metadata[field] = value;
  }
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata,
    spec: { replicas: valueAt(object, paths.specReplicasPath) ?? 0 },
    status: {
      replicas: valueAt(object, paths.statusReplicasPath) ?? 0,
      ...(selector === undefined ? {} : { selector: selectorText(selector) }),
    },
  };
}

/** A selector is text in custom resources, a LabelSelector in built-in kinds. */
function selectorText(selector: JsonObject[string]): string {
  if (typeof selector === 'string') return selector;
  const labels = isJsonObject(selector) && isJsonObject(selector.matchLabels) ? selector.matchLabels : {};
  return Object.entries(labels)
    .map(([label, value]) => `${label}=${String(value)}`)
    .join(',');
}

function replicasOf(call: Call, wanted: JsonObject): number {
  const replicas = valueAt(wanted, 'spec.replicas') ?? 0;
  if (typeof replicas === 'number' && Number.isInteger(replicas) && replicas >= 0) return replicas;
  throw statuses.invalid({ group: 'autoscaling', plural: 'scales', kind: 'Scale' }, call.name ?? '', [
    {
      field: 'spec.replicas',
      reason: 'FieldValueInvalid',
      message: `Invalid value: ${JSON.stringify(replicas)}: must be greater than or equal to 0`,
    },
  ]);
}
