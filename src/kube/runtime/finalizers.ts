import { isConflict, isNotFound } from '../client/api-error.ts';
import type { KubeClient } from '../client/kube-client.ts';
import type { CallOptions } from '../client/options.ts';
import type { KubeObject, MergePatch, ResourceType } from '../client/types.ts';

type FinalizerClient = Pick<KubeClient, 'get' | 'mergePatch'>;

const maxTries = 5;

/** Whether this finalizer keeps the object from going. */
export function hasFinalizer({ metadata }: KubeObject, finalizer: string): boolean {
  return metadata.finalizers?.includes(finalizer) === true;
}

/**
 * Makes deletion wait for `finalizer`. `object` may be an old copy: when somebody else wrote meanwhile, the newest one is read and tried.
 * Answers the object as it is stored, or undefined when it is gone or being deleted: then nothing may be made for it any more.
 */
export async function addFinalizer<T extends KubeObject>(
  client: FinalizerClient,
  type: ResourceType<T>,
  object: T,
  finalizer: string,
  options: CallOptions = {},
): Promise<T | undefined> {
  return changeFinalizers(client, type, object, options, ({ metadata: { finalizers = [], deletionTimestamp } }) => {
    if (deletionTimestamp) return 'gone'; // the API server takes no finalizer any more
    return finalizers.includes(finalizer) ? 'as wanted' : [...finalizers, finalizer];
  });
}

/** Lets the object go as far as `finalizer` is concerned. Nothing is left to do when it is gone, or its name belongs to another. */
export async function removeFinalizer<T extends KubeObject>(
  client: FinalizerClient,
  type: ResourceType<T>,
  object: T,
  finalizer: string,
  options: CallOptions = {},
): Promise<void> {
  await changeFinalizers(client, type, object, options, ({ metadata: { finalizers = [] } }) =>
    finalizers.includes(finalizer) ? finalizers.filter((name) => name !== finalizer) : 'as wanted',
  );
}

async function changeFinalizers<T extends KubeObject>(
  client: FinalizerClient,
  type: ResourceType<T>,
  object: T,
  options: CallOptions,
  decide: (newest: T) => readonly string[] | 'as wanted' | 'gone',
): Promise<T | undefined> {
  const { uid } = object.metadata;
  let newest = object;
  for (let tries = 1; ; tries += 1) {
    const wanted = decide(newest);
    if (wanted === 'gone') return undefined;
    if (wanted === 'as wanted') return newest;
    try {
      return await client.mergePatch(type, newest.metadata, finalizersPatch(newest, wanted), options);
    } catch (error) {
      if (isNotFound(error)) return undefined;
      if (!isConflict(error) || tries === maxTries) throw error;
    }
    const found = await client.get(type, newest.metadata, options).catch((error: unknown) => {
      if (isNotFound(error)) return undefined;
      throw error;
    });
    if (!found || found.metadata.uid !== uid) return undefined;
    newest = found;
  }
}

/** A merge patch replaces a list as a whole: the version keeps it from undoing what another has written to the list meanwhile. */
function finalizersPatch<T extends KubeObject>({ metadata }: T, finalizers: readonly string[]): MergePatch<T> {
  return { metadata: { finalizers: [...finalizers], resourceVersion: metadata.resourceVersion } } as MergePatch<T>;
}
