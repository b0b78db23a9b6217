import type { ControllerRevision as ApiControllerRevision } from 'kubernetes-types/apps/v1.js';
import { resourceType, type Served } from '../../src/kube/index.ts';

/** The kind of object that the history is kept in. */
export type ControllerRevision = Served<ApiControllerRevision>;

export const controllerRevisions = resourceType<ControllerRevision>({
  group: 'apps',
  version: 'v1',
  kind: 'ControllerRevision',
  plural: 'controllerrevisions',
  namespaced: true,
});
