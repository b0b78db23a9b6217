import type { ModelLine } from './line.ts';
import type { ModelSpec } from './ports.ts';

/** A deployment that callers can name, with the line of requests in front of its replicas. */
export type Model = { readonly spec: ModelSpec; readonly line: ModelLine };

/** A public name that resolves; `createdAt` is milliseconds since the Unix epoch. */
export type ServedName = { readonly id: string; readonly createdAt: number };

/** Finds deployments by what callers write in `model`. */
export type Models = {
  find(name: string): Model | undefined;
  /** Every public name that resolves, oldest deployment first. */
  served(): readonly ServedName[];
  all(): Iterable<Model>;
};
