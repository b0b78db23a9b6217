import type { JsonObject } from '../../../core/json.ts';
import type { ApiContext } from '../context.ts';
import { withMetadata } from '../object.ts';
import { storageResource } from '../registry.ts';
import type { ResourceDefinition } from '../resource.ts';
import type { Mutation } from '../storage/store.ts';

/** What a write came to: the change, the object as it shall be, and what to tell the client. */
export type Decision = { readonly mutation: Mutation; readonly object: JsonObject; readonly warnings: readonly string[] };

export type Committed<D extends Decision> = { readonly decision: D; readonly object: JsonObject };

/** Lets `decide` see the newest state and stores what it decides; a dry run only decides. */
export async function commit<D extends Decision>(
  context: ApiContext,
  definition: ResourceDefinition,
  key: string,
  dryRun: boolean,
  decide: (current: JsonObject | undefined) => D,
): Promise<Committed<D>> {
  const resource = storageResource(definition);
  if (dryRun) {
    const decision = decide(context.store.get(resource, key));
    return { decision, object: decision.object };
  }
  let decision: D | undefined;
  const stored = await context.store.write(resource, key, (current) => {
    decision = decide(current);
    return decision.mutation;
  });
  if (!decision) throw new Error('a write was stored without having been decided');
  return { decision, object: decision.mutation.op === 'none' ? decision.object : (stored ?? decision.object) };
}

/** Puts an object unless that changes nothing: then watchers hear nothing and its revision stays. */
export function putIfChanged(current: JsonObject, next: JsonObject, same: (a: JsonObject, b: JsonObject) => boolean): Mutation {
  const comparable = withMetadata(next, { resourceVersion: undefined });
  return same(withMetadata(current, { resourceVersion: undefined }), comparable) ? { op: 'none' } : { op: 'put', object: next };
}
