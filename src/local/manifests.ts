import { readFile } from 'node:fs/promises';
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { isConflict, type KubeClient, type KubeObject, type ResourceType, resourceType } from '../kube/index.ts';

const manifest = z.looseObject({
  apiVersion: z.string().min(1),
  kind: z.string().min(1),
  metadata: z.looseObject({ name: z.string().min(1), namespace: z.string().optional() }),
});

/** One object of a manifest file, checked for what every object must have. */
export type Manifest = z.infer<typeof manifest>;

/** The objects of a YAML or JSON file with one or more documents. Throws an Error that names the file, the place and what is wrong. */
export async function readManifests(path: string): Promise<Manifest[]> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new Error(`Cannot read the manifest ${path}`, { cause });
  });
  const found: Manifest[] = [];
  for (const [index, document] of parseAllDocuments(text).entries()) {
    const place = `${path}, document ${index + 1}`;
    const [error] = document.errors;
    if (error) throw new Error(`${place}: ${error.message}`);
    const value: unknown = document.toJS();
    if (value === null) continue;
    found.push(parseManifest(value, place));
  }
  return found;
}

/** One object, checked; `place` names it in the error. */
export function parseManifest(value: unknown, place: string): Manifest {
  const parsed = manifest.safeParse(value);
  if (!parsed.success) throw new Error(`${place}: ${z.prettifyError(parsed.error)}`);
  return parsed.data;
}

type ApplyManifestOptions = {
  readonly fieldManager: string;
  /** Take over what others changed. */
  readonly force?: boolean;
  readonly signal?: AbortSignal;
};

export type Applied = 'applied' | 'kept';

/**
 * Server-side apply. Without force, an object of which somebody else changed a field since stays as it is (`kept`),
 * so that starting again does not undo `kubectl scale` or `kubectl edit`.
 */
export async function applyManifest(client: KubeClient, object: Manifest, options: ApplyManifestOptions): Promise<Applied> {
  const type = await findType(client, object, options.signal);
  const { namespace, ...metadata } = object.metadata;
  const placed = { ...object, metadata: type.namespaced ? { ...metadata, namespace: namespace ?? 'default' } : metadata };
  try {
    await client.apply(type, placed, options);
    return 'applied';
  } catch (error) {
    if (isConflict(error)) return 'kept';
    throw error;
  }
}

const resourceList = z.object({
  resources: z.array(z.object({ name: z.string(), kind: z.string(), namespaced: z.boolean() })),
});

async function findType(client: KubeClient, object: Manifest, signal: AbortSignal | undefined): Promise<ResourceType<KubeObject>> {
  const [group, version] = object.apiVersion.includes('/') ? object.apiVersion.split('/', 2) : ['', object.apiVersion];
  const path = group ? `/apis/${group}/${version}` : `/api/${version}`;
  const { resources } = resourceList.parse(await client.request('GET', path, { signal }));
  const resource = resources.find(({ name, kind }) => kind === object.kind && !name.includes('/'));
  if (!resource) throw new Error(`The API has no kind ${object.kind} in ${object.apiVersion}`);
  return resourceType({
    group: group ?? '',
    version: version ?? '',
    kind: object.kind,
    plural: resource.name,
    namespaced: resource.namespaced,
  });
}
