import type { ResourceDefinition } from './resource.ts';

/** The resources being served: the built-in ones, and those of each CustomResourceDefinition by its name. */
export class ResourceRegistry {
  private readonly builtin: readonly ResourceDefinition[];
  private readonly custom = new Map<string, readonly ResourceDefinition[]>();
  private byPath = new Map<string, ResourceDefinition>();
  private everything: readonly ResourceDefinition[] = [];

  constructor(builtin: readonly ResourceDefinition[]) {
    this.builtin = builtin;
    this.index();
  }

  get all(): readonly ResourceDefinition[] {
    return this.everything;
  }

  find(group: string, version: string, plural: string): ResourceDefinition | undefined {
    return this.byPath.get(`${group}/${version}/${plural}`);
  }

  /** Any served version of a resource. */
  findAnyVersion(group: string, plural: string): ResourceDefinition | undefined {
    return this.everything.find((definition) => definition.group === group && definition.plural === plural);
  }

  /** Serves (or no longer serves, when empty) what a CustomResourceDefinition defines. */
  setCustom(crdName: string, definitions: readonly ResourceDefinition[]): void {
    if (definitions.length === 0) this.custom.delete(crdName);
    else this.custom.set(crdName, definitions);
    this.index();
  }

  private index(): void {
    this.everything = [...this.builtin, ...[...this.custom.values()].flat()];
    this.byPath = new Map(
      this.everything.map((definition) => [`${definition.group}/${definition.version}/${definition.plural}`, definition]),
    );
  }
}

/** Where the store keeps objects of a resource; all versions share it. */
export function storageResource(definition: Pick<ResourceDefinition, 'group' | 'plural'>): string {
  return `${definition.group}/${definition.plural}`;
}

export function storageKey(namespace: string | undefined, name: string): string {
  return namespace === undefined ? name : `${namespace}/${name}`;
}

/** `v1` or `apps/v1`. */
export function apiVersionOf(definition: Pick<ResourceDefinition, 'group' | 'version'>): string {
  return definition.group === '' ? definition.version : `${definition.group}/${definition.version}`;
}
