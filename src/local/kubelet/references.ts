import { configMaps, isNotFound, type KubeClient, type KubeObject, type ObjectRef, type ResourceType, secrets } from '../../kube/index.ts';
import type { References } from './environment.ts';

/** Reads Secrets and ConfigMaps from the API when a container starts. */
export function apiReferences(client: KubeClient): References {
  const read = async <T extends KubeObject>(type: ResourceType<T>, ref: ObjectRef, signal: AbortSignal): Promise<T | undefined> => {
    try {
      return await client.get(type, ref, { signal });
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  };
  return {
    secret: async (namespace, name, signal) => {
      const secret = await read(secrets, { namespace, name }, signal);
      const decode = ([key, value]: [string, string]) => [key, Buffer.from(value, 'base64').toString()];
      return secret && Object.fromEntries(Object.entries(secret.data ?? {}).map(decode));
    },
    configMap: async (namespace, name, signal) => {
      const configMap = await read(configMaps, { namespace, name }, signal);
      return configMap && { ...configMap.data };
    },
  };
}
