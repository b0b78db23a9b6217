import { isJsonObject, type JsonObject } from '../../../core/json.ts';
import type { ResourceDefinition } from '../resource.ts';
import { column, textAt } from './columns.ts';
import { crdErrors } from './crd-checks.ts';
import { builtin } from './define.ts';

/** Fills in the names that may be left out. */
function prepareCrd(crd: JsonObject): JsonObject {
  const spec = isJsonObject(crd.spec) ? crd.spec : undefined;
  const names = isJsonObject(spec?.names) ? spec.names : undefined;
  if (!spec || !names) return crd;
  const kind = String(names.kind ?? '');
  const singular = names.singular ?? kind.toLowerCase();
  const listKind = names.listKind ?? `${kind}List`;
  return { ...crd, spec: { ...spec, names: { ...names, singular, listKind } } };
}

export const customResourceDefinitions: ResourceDefinition = builtin({
  group: 'apiextensions.k8s.io',
  version: 'v1',
  kind: 'CustomResourceDefinition',
  plural: 'customresourcedefinitions',
  model: 'V1CustomResourceDefinition',
  namespaced: false,
  shortNames: ['crd', 'crds'],
  categories: ['api-extensions'],
  subresources: { status: true },
  tracksGeneration: true,
  columns: [column('Created At', textAt(['metadata', 'creationTimestamp']))],
  hooks: { prepare: prepareCrd, validate: crdErrors },
});
