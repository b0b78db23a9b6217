import { isJsonObject, type JsonObject, type JsonValue, setField } from '../../../core/json.ts';

/**
 * A set of places in an object, as managedFields record them (`fieldsV1`): a tree of path elements. An element is `f:NAME` for a field,
 * `k:{KEYS}` for an item of a list map, `v:VALUE` for an item of a set. Sets are not changed once made, except while being built.
 */
export class FieldSet {
  /** Elements that are in the set themselves. */
  readonly members = new Set<string>();
  /** Elements below which places are in the set. */
  readonly children = new Map<string, FieldSet>();

  static fromJson(json: JsonValue | undefined): FieldSet {
    const set = new FieldSet();
    if (!isJsonObject(json)) return set;
    for (const [element, below] of Object.entries(json)) {
      if (element === '.') continue;
      const child = FieldSet.fromJson(below);
      if (child.isEmpty || (isJsonObject(below) && Object.hasOwn(below, '.'))) set.members.add(element);
      if (!child.isEmpty) set.children.set(element, child);
    }
    return set;
  }

  get isEmpty(): boolean {
    return this.members.size === 0 && [...this.children.values()].every((child) => child.isEmpty);
  }

  toJson(): JsonObject {
    const json: JsonObject = {};
    for (const element of this.elements().sort()) {
      const below = this.children.get(element)?.toJson() ?? {};
      const both = this.members.has(element) && Object.keys(below).length > 0;
      setField(json, element, both ? { '.': {}, ...below } : below);
    }
    return json;
  }

  /** Every element at this level that leads to something in the set. */
  elements(): string[] {
    return [...new Set([...this.members, ...[...this.children].filter(([, child]) => !child.isEmpty).map(([element]) => element)])];
  }

  has(element: string): boolean {
    return this.members.has(element) || this.children.get(element)?.isEmpty === false;
  }

  child(element: string): FieldSet {
    return this.children.get(element) ?? empty;
  }

  /** For building: the child at an element, made when absent. */
  descend(element: string): FieldSet {
    let child = this.children.get(element);
    if (!child) {
      child = new FieldSet();
      this.children.set(element, child);
    }
    return child;
  }

  union(other: FieldSet): FieldSet {
    return this.combine(other, (mine, theirs) => mine || theirs);
  }

  intersection(other: FieldSet): FieldSet {
    return this.combine(other, (mine, theirs) => mine && theirs);
  }

  difference(other: FieldSet): FieldSet {
    return this.combine(other, (mine, theirs) => mine && !theirs);
  }

  equals(other: FieldSet): boolean {
    return this.difference(other).isEmpty && other.difference(this).isEmpty;
  }

  /** The places in the set, each as its path of elements. */
  *paths(prefix: readonly string[] = []): Generator<readonly string[]> {
    for (const element of this.elements().sort()) {
      const path = [...prefix, element];
      if (this.members.has(element)) yield path;
      yield* this.child(element).paths(path);
    }
  }

  private combine(other: FieldSet, keep: (mine: boolean, theirs: boolean) => boolean): FieldSet {
    const result = new FieldSet();
    for (const element of new Set([...this.members, ...other.members])) {
      if (keep(this.members.has(element), other.members.has(element))) result.members.add(element);
    }
    for (const element of new Set([...this.children.keys(), ...other.children.keys()])) {
      const child = this.child(element).combine(other.child(element), keep);
      if (!child.isEmpty) result.children.set(element, child);
    }
    return result;
  }
}

const empty = new FieldSet();

/** The path as conflicts show it: `.spec.containers[name="worker"].image`. */
export function pathText(path: readonly string[]): string {
  return path
    .map((element) => {
      const value = element.slice(2);
      if (element.startsWith('f:')) return `.${value}`;
      if (element.startsWith('v:')) return `[=${value}]`;
      const keys: unknown = JSON.parse(value);
      const texts = isJsonObject(keys) ? Object.entries(keys).map(([key, part]) => `${key}=${JSON.stringify(part)}`) : [];
      return `[${texts.join(',')}]`;
    })
    .join('');
}
