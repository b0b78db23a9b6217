import type { JsonObject } from '../../core/json.ts';
import type { MergeRule } from '../../kube/index.ts';

/** One column of `kubectl get`: a table column definition of meta.k8s.io/v1 and the JSONPath that fills it. */
export type TableColumn = {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'date';
  readonly format?: string;
  readonly description?: string;
  /** 0 is always shown; above that only with `-o wide`. */
  readonly priority: number;
  /** `date` columns give the timestamp; the table prints how long before `now` (milliseconds since the epoch) it was. */
  readonly cell: (object: JsonObject, now: number) => string | number | boolean | null;
};

/** One thing wrong with an object: `field` is a path such as `spec.scaling.minReplicas`, the rest as in a Status cause. */
export type FieldError = { readonly field: string; readonly reason: string; readonly message: string };

export type AdmitRequest = {
  readonly operation: 'CREATE' | 'UPDATE';
  /** `status` when the write goes through that subresource. */
  readonly subresource?: 'status' | 'scale';
  readonly object: JsonObject;
  readonly old?: JsonObject;
  /** `Strict` refuses unknown fields, `Warn` reports them, `Ignore` only prunes them. */
  readonly fieldValidation: 'Strict' | 'Warn' | 'Ignore';
};

/** The object as it may be stored (pruned, defaulted), or why not. `warnings` go out as Warning headers. */
export type AdmitResult = { readonly object: JsonObject; readonly errors: readonly FieldError[]; readonly warnings: readonly string[] };

/** A resource that the server serves: built in, or made from a CustomResourceDefinition. All functions are pure. */
export type ResourceDefinition = {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly listKind: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly namespaced: boolean;
  readonly subresources: {
    readonly status?: true;
    readonly scale?: { readonly specReplicasPath: string; readonly statusReplicasPath: string; readonly labelSelectorPath?: string };
    readonly log?: true;
  };
  /** Columns after NAME and before nothing: the server adds no AGE of its own when any are declared. */
  readonly columns: readonly TableColumn[];
  /** Fields beside metadata.name and metadata.namespace that a field selector may name, for example `involvedObject.uid`. */
  readonly selectableFields: readonly string[];
  readonly merge: MergeRule;
  /** OpenAPI v3 schema of the kind, with x-kubernetes-* extensions. */
  readonly schema: JsonObject;
  /** Strategic merge patch is for built-in kinds only; custom resources answer 415 to it. */
  readonly builtin: boolean;
  /** True: metadata.generation follows changes outside metadata and status. */
  readonly tracksGeneration: boolean;
  admit(request: AdmitRequest): AdmitResult;
};
