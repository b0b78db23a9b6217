import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import type { ApiContext } from './context.ts';
import { metadataText, nameOf, strings } from './object.ts';
import { storageResource } from './registry.ts';
import type { ResourceDefinition } from './resource.ts';
import { statuses } from './status.ts';

/** Keeps a CustomResourceDefinition until its objects are gone. */
export const crdCleanupFinalizer = 'customresourcecleanup.apiextensions.k8s.io';

const crdName = { group: 'apiextensions.k8s.io', plural: 'customresourcedefinitions', kind: 'CustomResourceDefinition' };
const crdResource = storageResource(crdName);

export function isCrd(definition: ResourceDefinition): boolean {
  return definition.group === crdName.group && definition.plural === crdName.plural;
}

/** The definition with the status that a served one has. Throws 422 when it cannot be served. */
export function establish(context: ApiContext, crd: JsonObject, previous: JsonObject | undefined): JsonObject {
  try {
    context.catalog.definitionsFromCrd(crd);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw statuses.invalid(crdName, nameOf(crd), [
      { field: 'spec', reason: 'FieldValueInvalid', message: `Invalid value: ${error.message}` },
    ]);
  }
  const spec = isJsonObject(crd.spec) ? crd.spec : {};
  const names = isJsonObject(spec.names) ? spec.names : {};
  const conflict = nameConflict(context, crd, names);
  const now = `${new Date(context.clock.now()).toISOString().slice(0, 19)}Z`;
  const before = conditionsOf(previous);
  const wanted = [
    conflict === undefined
      ? condition('NamesAccepted', 'True', 'NoConflicts', 'no conflicts found')
      : condition('NamesAccepted', 'False', 'NameConflict', conflict),
    conflict === undefined
      ? condition('Established', 'True', 'InitialNamesAccepted', 'the initial names have been accepted')
      : condition('Established', 'False', 'NotAccepted', 'not all names are accepted'),
  ];
  const conditions: JsonValue[] = wanted.map((each) => {
    const old = before.find(({ type, status }) => type === each.type && status === each.status);
    return { ...each, lastTransitionTime: old?.lastTransitionTime ?? now };
  });
  const status = { conditions, acceptedNames: names, storedVersions: storedVersions(spec, previous) };
  return { ...crd, status };
}

/** Serves what the stored definitions define, now and after each change, and ends those being deleted when their objects are gone. */
export class CrdLifecycle {
  private readonly context: ApiContext;
  private readonly removeObject: (definition: ResourceDefinition, object: JsonObject) => Promise<void>;
  private readonly release: (crd: JsonObject) => Promise<void>;
  private readonly served = new Map<string, JsonObject>();
  private readonly cleaning = new Map<string, () => void>();
  private readonly unsubscribe: () => void;

  constructor(
    context: ApiContext,
    actions: { removeObject(definition: ResourceDefinition, object: JsonObject): Promise<void>; release(crd: JsonObject): Promise<void> },
  ) {
    this.context = context;
    this.removeObject = actions.removeObject;
    this.release = actions.release;
    this.unsubscribe = context.store.subscribe(crdResource, () => this.sync());
    this.sync();
  }

  close(): void {
    this.unsubscribe();
    for (const stop of this.cleaning.values()) stop();
  }

  private sync(): void {
    const { store, registry } = this.context;
    const crds = new Map(store.list(crdResource).map((crd) => [nameOf(crd), crd]));
    for (const name of this.served.keys()) {
      if (crds.has(name)) continue;
      registry.setCustom(name, []);
      this.served.delete(name);
      this.cleaning.get(name)?.();
      this.cleaning.delete(name);
    }
    for (const [name, crd] of crds) {
      if (this.served.get(name) === crd) continue;
      this.served.set(name, crd);
      this.serve(name, crd);
      if (metadataText(crd, 'deletionTimestamp') !== undefined) this.clean(name, crd);
    }
  }

  private serve(name: string, crd: JsonObject): void {
    const established = conditionsOf(crd).some(({ type, status }) => type === 'Established' && status === 'True');
    try {
      this.context.registry.setCustom(name, established ? this.context.catalog.definitionsFromCrd(crd) : []);
    } catch (error) {
      // Accepted by an older version of this program: its objects wait until the definition is applied again.
      this.context.logger.error({ err: error, crd: name }, 'a stored CustomResourceDefinition cannot be served');
    }
  }

  private clean(name: string, crd: JsonObject): void {
    if (this.cleaning.has(name)) return;
    const [group, plural] = [textAt(crd, 'group'), name.split('.')[0] ?? ''];
    const resource = `${group}/${plural}`;
    const definition = this.context.registry.findAnyVersion(group, plural);
    let releasing = false;
    const check = () => {
      if (releasing || this.context.store.list(resource).length > 0) return;
      releasing = true;
      this.run(this.release(crd));
    };
    this.cleaning.set(name, this.context.store.subscribe(resource, check));
    if (definition) for (const object of this.context.store.list(resource)) this.run(this.removeObject(definition, object));
    check();
  }

  private run(work: Promise<void>): void {
    work.catch((error: unknown) => this.context.logger.error({ err: error }, 'cleaning up after a CustomResourceDefinition failed'));
  }
}

function textAt(crd: JsonObject, field: string): string {
  const value = isJsonObject(crd.spec) ? crd.spec[field] : undefined;
  return typeof value === 'string' ? value : '';
}

/** Another definition of the group that already has the kind or a short name. */
function nameConflict(context: ApiContext, crd: JsonObject, names: JsonObject): string | undefined {
  const others = context.registry.all.filter((each) => each.group === textAt(crd, 'group') && each.plural !== names.plural);
  if (others.some((each) => each.kind === names.kind)) return `${JSON.stringify(names.kind)} is already in use`;
  const short = strings(names.shortNames).find((name) => others.some((each) => each.shortNames.includes(name)));
  return short === undefined ? undefined : `${JSON.stringify(short)} is already in use`;
}

type Condition = { readonly type: string; readonly status: string; readonly lastTransitionTime?: JsonValue };

function conditionsOf(crd: JsonObject | undefined): Condition[] {
  const conditions = crd && isJsonObject(crd.status) ? crd.status.conditions : undefined;
  if (!Array.isArray(conditions)) return [];
  return conditions.flatMap((each) => {
    if (!isJsonObject(each) || typeof each.type !== 'string' || typeof each.status !== 'string') return [];
    const { type, status, lastTransitionTime } = each;
    return [{ type, status, ...(lastTransitionTime === undefined ? {} : { lastTransitionTime }) }];
  });
}

function condition(type: string, status: 'True' | 'False', reason: string, message: string): JsonObject & { type: string; status: string } {
  return { type, status, reason, message };
}

function storedVersions(spec: JsonObject, previous: JsonObject | undefined): JsonValue[] {
  const before = previous && isJsonObject(previous.status) ? strings(previous.status.storedVersions) : [];
  const versions = Array.isArray(spec.versions) ? spec.versions.filter(isJsonObject) : [];
  const storage = versions.find((version) => version.storage === true)?.name;
  return [...new Set([...before, ...(typeof storage === 'string' ? [storage] : [])])];
}
