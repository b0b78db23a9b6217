import { describe, expect, test } from 'vitest';
import { type ModelDeploymentSpec, resolveSpec } from '../../../src/api/model-deployment.ts';
import { deployment } from '../testing/makers.fake.ts';
import { cacheClaim, isOnOneNode, type PersistentVolumeClaim } from './cache-claim.ts';

const claim = (spec: Partial<ModelDeploymentSpec> = {}) => {
  const owner = deployment({ cache: { type: 'PersistentVolumeClaim', size: '50Gi' }, ...spec });
  return cacheClaim(owner, resolveSpec(owner));
};

test('is as large as asked, and goes with its deployment', () => {
  expect(claim()).toMatchObject({
    metadata: { name: 'qwen-cache', namespace: 'models', ownerReferences: [{ uid: 'uid-qwen', controller: true }] },
    spec: { resources: { requests: { storage: '50Gi' } } },
  });
  expect(claim()?.spec).not.toHaveProperty('storageClassName'); // the default class of the cluster
});

test('there is none for another type of cache', () => expect(claim({ cache: { type: 'Ephemeral' } })).toBeUndefined());

describe('the access mode', () => {
  const cache = { type: 'PersistentVolumeClaim', size: '50Gi' } as const;

  test.each<[string, string, Partial<ModelDeploymentSpec>]>([
    ['ReadWriteOnce', 'one replica', {}],
    ['ReadWriteMany', 'several replicas', { replicas: 2 }],
    ['ReadWriteMany', 'an autoscaler that may want several', { scaling: { maxReplicas: 2 } }],
    ['ReadWriteOnce', 'several replicas when the user says so', { replicas: 2, cache: { ...cache, accessMode: 'ReadWriteOnce' } }],
    ['ReadWriteMany', 'one replica when the user says so', { cache: { ...cache, accessMode: 'ReadWriteMany' } }],
  ])('is %s for %s', (mode, _, spec) => {
    const made = claim(spec);
    expect(made?.spec?.accessModes).toEqual([mode]);
    expect(isOnOneNode(made as PersistentVolumeClaim)).toBe(mode === 'ReadWriteOnce');
  });
});
