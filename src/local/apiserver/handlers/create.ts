import { randomUUID } from 'node:crypto';
import type { JsonObject } from '../../../core/json.ts';
import { applyConfiguration, recordUpdate, type Writer } from '../apply/field-managers.ts';
import type { ApiContext, Call, Reply } from '../context.ts';
import { establish, isCrd } from '../crds.ts';
import { held, isNamespace, requireNamespace } from '../namespaces.ts';
import { readObject } from '../negotiation.ts';
import { metadataOf, metadataText, withMetadata } from '../object.ts';
import { presentObject } from '../present.ts';
import { storageKey } from '../registry.ts';
import { StatusError, statuses } from '../status.ts';
import { admit } from './admission.ts';
import { commit, type Decision } from './commit.ts';
import { checkIdentity, timestamp, type WriteOptions, writeOptions, writerOf } from './options.ts';

const generateAttempts = 8;
const suffixLetters = 'bcdfghjklmnpqrstvwxz2456789';

/** POST of one object. */
export async function create(context: ApiContext, call: Call): Promise<Reply> {
  const body = await readObject(call.request);
  const options = writeOptions(call.query);
  const writer = writerOf(context, call, 'Update');
  checkIdentity(call, body);
  if (metadataText(body, 'resourceVersion')) throw statuses.badRequest('resourceVersion should not be set on objects to be created');
  const prefix = metadataText(body, 'name') === undefined ? metadataText(body, 'generateName') : undefined;
  for (let attempt = 1; ; attempt += 1) {
    const named = prefix === undefined ? body : withMetadata(body, { name: `${prefix.slice(0, 58)}${suffix(context.random)}` });
    try {
      const { decision, object } = await commit(context, call.definition, keyOf(call, named), options.dryRun, (current) => {
        if (current) throw statuses.alreadyExists(call.definition, metadataText(named, 'name') ?? '');
        return decideCreate(context, call, named, options, (created) => recordUpdate(undefined, created, writer));
      });
      return { code: 201, body: presentObject(context, call, object), warnings: decision.warnings };
    } catch (error) {
      // A generated name may be taken: another one is as good.
      const taken = error instanceof StatusError && error.reason === 'AlreadyExists';
      if (!taken || prefix === undefined || attempt === generateAttempts) throw error;
    }
  }
}

/** Creation by server-side apply, when there is nothing to apply to. */
export function decideCreateByApply(context: ApiContext, call: Call, config: JsonObject, options: WriteOptions, writer: Writer): Decision {
  const named = withMetadata(config, { name: call.name ?? '' });
  return decideCreate(context, call, named, options, (created) => {
    const managed = metadataOf(applyConfiguration(undefined, named, writer, false)).managedFields;
    return withMetadata(created, { managedFields: managed });
  });
}

function decideCreate(
  context: ApiContext,
  call: Call,
  body: JsonObject,
  options: WriteOptions,
  record: (created: JsonObject) => JsonObject,
): Decision {
  const { definition } = call;
  requireNamespace(context, call, metadataText(body, 'name') ?? '');
  const fresh = withMetadata(body, {
    namespace: definition.namespaced ? call.namespace : undefined,
    uid: randomUUID(),
    creationTimestamp: timestamp(context.clock.now()),
    generation: definition.tracksGeneration ? 1 : undefined,
    resourceVersion: undefined,
    selfLink: undefined,
    deletionTimestamp: undefined,
    deletionGracePeriodSeconds: undefined,
    managedFields: undefined,
  });
  // Status belongs to whoever writes the status subresource.
  if (definition.subresources.status) delete fresh.status;
  const admitted = admit(definition, { operation: 'CREATE', object: fresh, fieldValidation: options.fieldValidation });
  const settled = isCrd(definition) ? establish(context, admitted.object, undefined) : admitted.object;
  const recorded = record(settled);
  const object = isNamespace(definition) ? held(recorded) : recorded;
  return { mutation: { op: 'put', object }, object, warnings: admitted.warnings };
}

function keyOf(call: Call, object: JsonObject): string {
  return storageKey(call.definition.namespaced ? call.namespace : undefined, metadataText(object, 'name') ?? '');
}

function suffix(random: () => number): string {
  return Array.from({ length: 5 }, () => suffixLetters[Math.floor(random() * suffixLetters.length)]).join('');
}
