import type { Volume, VolumeMount } from 'kubernetes-types/core/v1.js';
import type { ResolvedSpec } from '../../../src/api/model-deployment.ts';

/** Where the worker keeps what it fetches. */
export const cacheDirectory = '/var/cache/modelfleet';
const sourceDirectory = '/var/lib/modelfleet/source';

type Mounted = { readonly volume: Volume; readonly mount: VolumeMount };

/** The claim that keeps the cache of a deployment. */
export function cacheClaimName(deployment: string): string {
  return `${deployment}-cache`;
}

/** A `pvc://CLAIM/PATH` source is mounted, so that the worker reads a plain file; undefined for other sources. */
export function mountedSource(source: string): { readonly claim: string; readonly uri: string } | undefined {
  const [, claim, path] = /^pvc:\/\/([^/]+)\/(.*)$/.exec(source) ?? [];
  return claim === undefined || path === undefined ? undefined : { claim, uri: `file://${sourceDirectory}/${path}` };
}

/** Every volume of a worker pod with its mount: the root file system is read-only. */
export function workerVolumes(deployment: string, spec: ResolvedSpec): Mounted[] {
  const source = mountedSource(spec.model.source);
  const { sharedMemory } = spec.resources;
  return [
    { volume: cacheVolume(deployment, spec.cache), mount: { name: 'cache', mountPath: cacheDirectory } },
    { volume: { name: 'tmp', emptyDir: {} }, mount: { name: 'tmp', mountPath: '/tmp' } },
    ...(source
      ? [
          {
            volume: { name: 'source', persistentVolumeClaim: { claimName: source.claim, readOnly: true } },
            mount: { name: 'source', mountPath: sourceDirectory, readOnly: true },
          },
        ]
      : []),
    ...(sharedMemory === undefined
      ? []
      : [
          {
            volume: { name: 'shared-memory', emptyDir: { medium: 'Memory', sizeLimit: String(sharedMemory) } },
            mount: { name: 'shared-memory', mountPath: '/dev/shm' },
          },
        ]),
  ];
}

function cacheVolume(deployment: string, cache: ResolvedSpec['cache']): Volume {
  switch (cache.type) {
    case 'PersistentVolumeClaim':
      return { name: 'cache', persistentVolumeClaim: { claimName: cacheClaimName(deployment) } };
    case 'HostPath':
      return { name: 'cache', hostPath: { path: cacheDirectory, type: 'DirectoryOrCreate' } };
    case 'Ephemeral':
      return { name: 'cache', emptyDir: cache.size === undefined ? {} : { sizeLimit: String(cache.size) } };
  }
}
