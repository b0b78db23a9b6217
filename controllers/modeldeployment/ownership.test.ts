import { expect, test } from 'vitest';
import type { Pod } from '../../src/kube/index.ts';
import { adopterKey, adoption, planClaims, release } from './ownership.ts';
import { deployment, pod } from './testing/makers.fake.ts';

const [ours] = pod().metadata.ownerReferences ?? [];
const other = { apiVersion: 'v1', kind: 'ConfigMap', name: 'other', uid: 'uid-other' };
const names = (pods: readonly Pod[]) => pods.map(({ metadata }) => metadata.name);
const orphan = (name: string, metadata: Partial<Pod['metadata']> = {}, status?: Pod['status']) =>
  pod(name, { metadata: { ownerReferences: [], ...metadata }, status });

test('adopts what has the label and no controller, if it can still serve', () => {
  const claims = planClaims(deployment(), [
    pod('owned'),
    orphan('orphan'),
    orphan('with-another-owner', { ownerReferences: [other] }),
    orphan('controlled', { ownerReferences: [{ ...other, controller: true }] }),
    orphan('leaving', { deletionTimestamp: '2026-01-01T00:00:00Z' }),
    orphan('ended', {}, { phase: 'Failed' }),
    orphan('labelled-otherwise', { labels: { 'modelfleet.dev/model': 'llama' } }),
  ]);
  expect(names(claims.adopt)).toEqual(['orphan', 'with-another-owner']);
  expect(claims.release).toEqual([]);
});

test('releases what it controls and what carries its label no longer', () => {
  const claims = planClaims(deployment(), [
    pod('owned'),
    pod('renamed', { metadata: { labels: { 'modelfleet.dev/model': 'llama' } } }),
    pod('stripped', { metadata: { labels: {} } }),
    pod('leaving', { metadata: { labels: {}, deletionTimestamp: '2026-01-01T00:00:00Z' } }),
    pod('of-another', { metadata: { labels: {}, ownerReferences: [{ ...other, controller: true }] } }),
  ]);
  expect(names(claims.release)).toEqual(['renamed', 'stripped']);
  expect(claims.adopt).toEqual([]);
});

test('changes the owners of the pod that was seen, and keeps the others', () => {
  const seen = { uid: 'uid-p', resourceVersion: '5' };
  expect(adoption(orphan('p', { ...seen, ownerReferences: [other] }), deployment())).toMatchObject({
    metadata: { ...seen, ownerReferences: [other, { uid: 'uid-qwen', controller: true, blockOwnerDeletion: true }] },
  });
  expect(release(pod('p', { metadata: { ...seen, ownerReferences: ours ? [other, ours] : [] } }), deployment())).toEqual({
    metadata: { ...seen, ownerReferences: [other] },
  });
  expect(release(pod('p', { metadata: seen }), deployment())).toEqual({ metadata: { ...seen, ownerReferences: null } });
});

test('calls the deployment that the label names, for a pod that nobody controls', () => {
  expect(adopterKey(orphan('p'))).toEqual(['models/qwen']);
  expect(adopterKey(pod('p'))).toEqual([]);
  expect(adopterKey(orphan('p', { labels: {} }))).toEqual([]);
});
