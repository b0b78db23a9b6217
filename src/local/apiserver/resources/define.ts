import { isJsonObject, type JsonObject } from '../../../core/json.ts';
import type { AdmitRequest, AdmitResult, FieldError, ResourceDefinition, TableColumn } from '../resource.ts';
import { applyDefaults } from '../schema/defaults.ts';
import { duplicateErrors } from '../schema/lists.ts';
import { mergeRule } from '../schema/merge.ts';
import { metadataErrors } from '../schema/metadata.ts';
import { subdomainProblems } from '../schema/names.ts';
import { prune } from '../schema/prune.ts';
import { type Structural, structure } from '../schema/structural.ts';
import { schemaValidator } from '../schema/validate.ts';
import { modelSchema } from './models.ts';

/** What the generic steps of admission (prune, default, validate) cannot say about a kind. */
export type Hooks = {
  readonly nameProblems?: (name: string) => readonly string[];
  /** Runs after pruning and before defaulting. */
  readonly prepare?: (object: JsonObject, request: AdmitRequest) => JsonObject;
  readonly validate?: (object: JsonObject, request: AdmitRequest) => readonly FieldError[];
  /** What to say when `validate` could not run because the object has not the form that it relies on. */
  readonly unchecked?: FieldError;
};

/** Errors after which a kind's own rules are not run: they may rely on types, presence and sizes (apiextensions, hasBlockingErr). */
const blocking = new Set(['FieldValueRequired', 'FieldValueTypeInvalid', 'FieldValueTooLong', 'FieldValueTooMany']);

/** A schema compiled for admission. */
export type Admission = { readonly structural: Structural; admit(request: AdmitRequest): AdmitResult };

const embedded = structure({
  type: 'object',
  properties: { apiVersion: { type: 'string' }, kind: { type: 'string' }, metadata: modelSchema('V1ObjectMeta') },
});

/**
 * The steps from an object as sent to one that may be stored: drop unknown fields (and report them as the caller asked), fill in
 * defaults, check metadata, schema, list keys and the kind's own rules.
 */
export function admission(schema: JsonObject, namespaced: boolean, hooks: Hooks): Admission {
  const structural = structure(schema);
  const validate = schemaValidator(schema);
  const nameProblems = hooks.nameProblems ?? subdomainProblems;
  return {
    structural,
    admit(request) {
      const pruned = prune(request.object, structural, embedded);
      const unknown =
        request.fieldValidation === 'Ignore' ? [] : pruned.unknown.map((path) => ({ path, text: `unknown field ${JSON.stringify(path)}` }));
      if (request.fieldValidation === 'Strict' && unknown.length > 0) {
        return {
          object: pruned.value,
          errors: unknown.map(({ path, text }) => ({ field: path, reason: 'FieldUnknown', message: text })),
          warnings: [],
        };
      }
      const prepared = hooks.prepare ? hooks.prepare(pruned.value, request) : pruned.value;
      const object = applyDefaults(prepared, structural);
      const errors = [
        ...metadataErrors(object, nameProblems, namespaced),
        ...validate(object, request.old),
        ...duplicateErrors(object, structural),
      ];
      if (!errors.some(({ reason }) => blocking.has(reason))) errors.push(...(hooks.validate?.(object, request) ?? []));
      else if (hooks.unchecked) errors.push(hooks.unchecked);
      return { object, errors, warnings: unknown.map(({ text }) => text) };
    },
  };
}

/** One line of the table of built-in kinds; `model` names the generated class that holds its fields. */
export type BuiltinSpec = {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly model: string;
  readonly namespaced: boolean;
  readonly columns: readonly TableColumn[];
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  readonly subresources?: ResourceDefinition['subresources'];
  readonly selectableFields?: readonly string[];
  readonly tracksGeneration?: true;
  readonly hooks?: Hooks;
};

/** The definition of a built-in kind. Its schema is built when first asked for, so that start-up does not pay for kinds that nobody uses. */
export function builtin(spec: BuiltinSpec): ResourceDefinition {
  let compiled: { readonly schema: JsonObject; readonly merge: ResourceDefinition['merge']; readonly admission: Admission } | undefined;
  const compile = () => {
    if (compiled) return compiled;
    const schema: JsonObject = {
      ...modelSchema(spec.model),
      'x-kubernetes-group-version-kind': [{ group: spec.group, version: spec.version, kind: spec.kind }],
    };
    const made = admission(schema, spec.namespaced, spec.hooks ?? {});
    compiled = { schema, merge: mergeRule(made.structural), admission: made };
    return compiled;
  };
  return {
    group: spec.group,
    version: spec.version,
    kind: spec.kind,
    listKind: `${spec.kind}List`,
    plural: spec.plural,
    singular: spec.kind.toLowerCase(),
    shortNames: spec.shortNames ?? [],
    categories: spec.categories ?? [],
    namespaced: spec.namespaced,
    subresources: spec.subresources ?? {},
    columns: spec.columns,
    selectableFields: spec.selectableFields ?? [],
    get merge() {
      return compile().merge;
    },
    get schema() {
      return compile().schema;
    },
    builtin: true,
    tracksGeneration: spec.tracksGeneration ?? false,
    admit: (request) => compile().admission.admit(request),
  };
}

/** The value at a path of field names; undefined where there is none. */
export function at(object: JsonObject, ...path: readonly string[]): unknown {
  let value: unknown = object;
  for (const name of path) value = isJsonObject(value) ? value[name] : undefined;
  return value;
}
