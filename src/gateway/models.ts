import type { ModelLine } from './line.ts';
import type { ModelSpec } from './ports.ts';

/** A deployment that callers can name, with the line of requests in front of its replicas. */
export type Model = {
  readonly spec: ModelSpec;
  readonly line: ModelLine;
  /** The adapter of it that the name asks for. */
  readonly adapter?: string | undefined;
};

/** What a name that found this model names without its adapter. */
export function baseName(called: string, { adapter }: Model): string {
  return adapter === undefined ? called : called.slice(0, -adapter.length - 1);
}

/** A public name that resolves; `createdAt` is milliseconds since the Unix epoch. */
export type ServedName = { readonly id: string; readonly createdAt: number };

/** Finds deployments by what callers write in `model`. */
export type Models = {
  find(name: string): Model | undefined;
  /** Every public name that resolves, oldest deployment first. */
  served(): readonly ServedName[];
  all(): Iterable<Model>;
};
