import { isJsonObject, type JsonObject } from '../../../core/json.ts';
import type { ResourceDefinition } from '../resource.ts';
import { column, textAt } from './columns.ts';
import { crdErrors } from './crd-checks.ts';
import { builtin } from './define.ts';

/** Fills in the names that may be left out, and the status that the name controller of a real server would write at once. */
function prepareCrd(crd: JsonObject): JsonObject {
  const spec = isJsonObject(crd.spec) ? crd.spec : undefined;
  const names = isJsonObject(spec?.names) ? spec.names : undefined;
  if (!spec || !names) return crd;
  const kind = String(names.kind ?? '');
  const accepted = { ...names, singular: names.singular ?? kind.toLowerCase(), listKind: names.listKind ?? `${kind}List` };
  const metadata = isJsonObject(crd.metadata) ? crd.metadata : {};
  const versions = Array.isArray(spec.versions) ? spec.versions.filter(isJsonObject) : [];
  const stored = versions.find((version) => version.storage === true)?.name;
  const old = isJsonObject(crd.status) ? crd.status : {};
  const since = typeof metadata.creationTimestamp === 'string' ? metadata.creationTimestamp : new Date(0).toISOString().replace('.000', '');
  const condition = (type: string, reason: string, message: string) => ({
    type,
    status: 'True',
    lastTransitionTime: since,
    reason,
    message,
  });
  const storedVersions = Array.isArray(old.storedVersions) ? old.storedVersions : [];
  return {
    ...crd,
    spec: { ...spec, names: accepted },
    status: {
      ...old,
      acceptedNames: accepted,
      conditions: [
        condition('NamesAccepted', 'NoConflicts', 'no conflicts found'),
        condition('Established', 'InitialNamesAccepted', 'the initial names have been accepted'),
      ],
      storedVersions: stored === undefined || storedVersions.includes(stored) ? storedVersions : [...storedVersions, stored],
    },
  };
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
