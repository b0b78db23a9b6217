import type { JsonObject } from '../../../core/json.ts';
import type { ApiContext } from '../context.ts';
import { crdCleanupFinalizer } from '../crds.ts';
import { finalizersOf, nameOf, withMetadata } from '../object.ts';
import { isReleased } from './update.ts';

/** Takes the cleanup finalizer off a CustomResourceDefinition whose objects are gone; it goes too when nothing else holds it. */
export async function releaseCrd(context: ApiContext, crd: JsonObject): Promise<void> {
  await context.store.write('apiextensions.k8s.io/customresourcedefinitions', nameOf(crd), (current) => {
    if (!current || !finalizersOf(current).includes(crdCleanupFinalizer)) return { op: 'none' };
    const left = finalizersOf(current).filter((finalizer) => finalizer !== crdCleanupFinalizer);
    const object = withMetadata(current, { finalizers: left.length > 0 ? [...left] : undefined });
    return isReleased(object) ? { op: 'delete', last: object } : { op: 'put', object };
  });
}
