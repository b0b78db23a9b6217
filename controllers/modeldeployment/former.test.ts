import { expect, test } from 'vitest';
import { resolveSpec } from '../../src/api/model-deployment.ts';
import { labels } from '../../src/api/resources.ts';
import { revisionData } from '../../src/api/revision-data.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { accept } from './acceptance.ts';
import { podTemplate } from './builders/pod.ts';
import { revisionOf } from './builders/revision.ts';
import type { ControllerRevision } from './controller-revision.ts';
import { formerly } from './former.ts';
import type { Seen } from './gather.ts';
import { deployment } from './testing/makers.fake.ts';

const defaults = { workerImage: 'worker:1' };
const old = deployment({ engine: { device: 'CPU' }, replicas: 2 });
const revision = revisionOf(old, resolveSpec(old));
const now = deployment({ engine: { device: 'CUDA' }, replicas: 5, rollout: { maxSurge: 3 } });
const seen: Seen = {
  deployment: now,
  ending: false,
  acceptance: accept(now, 'privileged'),
  podSecurity: 'privileged',
  template: podTemplate(now, resolveSpec(now), defaults),
  revision: 'current',
  replicas: [],
  nodeClasses: new Map(),
  waitingAtGateways: 0,
  drainTimeoutMs: 0,
  noProgressTimeoutMs: 0,
};

function kept(data: JsonObject, owner = 'uid-qwen'): ControllerRevision {
  const ownerReferences = [{ apiVersion: 'modelfleet.dev/v1alpha1', kind: 'ModelDeployment', name: 'qwen', uid: owner, controller: true }];
  const metadata = { name: `qwen-${revision}`, namespace: 'models', labels: { [labels.revision]: revision }, ownerReferences };
  return { apiVersion: 'apps/v1', kind: 'ControllerRevision', metadata, data, revision: 1 };
}

const seenFormerly = (...revisions: readonly ControllerRevision[]) =>
  formerly(seen, revision, { defaults, revisions: { byIndex: () => [...revisions] } });

test('has the pods of the older revision, and the replicas and the rollout of now', () => {
  const former = seenFormerly(kept(revisionData(old)));
  expect(former?.revision).toBe(revision);
  expect(former?.template).toEqual(podTemplate(old, resolveSpec(old), defaults));
  expect(former?.deployment.spec).toMatchObject({ replicas: 5, rollout: { maxSurge: 3 }, engine: { device: 'CPU' } });
});

test('is not known without its history, from that of another deployment, or where it would make other pods', () => {
  expect(seenFormerly()).toBeUndefined();
  expect(seenFormerly(kept(revisionData(old), 'uid-before'))).toBeUndefined();
  expect(seenFormerly(kept(revisionData(now)))).toBeUndefined();
});
