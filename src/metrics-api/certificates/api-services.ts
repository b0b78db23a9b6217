import { type KubeObject, resourceType } from '../../kube/index.ts';

/** What registers an API group with the API server: the fields that we look at. */
export type ApiService = KubeObject & {
  readonly spec: {
    readonly service?: { readonly namespace?: string; readonly name?: string };
    /** PEM in base64: who vouches for the server of the group. */
    readonly caBundle?: string;
  };
};

export const apiServices = resourceType<ApiService>({
  group: 'apiregistration.k8s.io',
  version: 'v1',
  kind: 'APIService',
  plural: 'apiservices',
  namespaced: false,
});
