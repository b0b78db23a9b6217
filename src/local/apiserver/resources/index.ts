import type { ResourceDefinition } from '../resource.ts';
import { coreResources } from './core.ts';
import { customResourceDefinitions } from './crds.ts';
import { groupResources } from './groups.ts';
import { pods } from './pods.ts';

export { definitionsFromCrd } from './custom.ts';

/** Every kind that the server knows without a CustomResourceDefinition. */
export const builtinResources: readonly ResourceDefinition[] = [pods, ...coreResources, ...groupResources, customResourceDefinitions];
