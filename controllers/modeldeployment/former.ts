import { withRevisionData } from '../../src/api/revision-data.ts';
import { isJsonObject } from '../../src/core/json.ts';
import { keyOf, type Store } from '../../src/kube/index.ts';
import { accept } from './acceptance.ts';
import { podTemplate } from './builders/pod.ts';
import { revisionOf } from './builders/revision.ts';
import type { WorkerDefaults } from './builders/worker-image.ts';
import type { ControllerRevision } from './controller-revision.ts';
import { controllerUid, type Seen } from './gather.ts';
import { hashOf } from './history.ts';
import { byInstance } from './history-writer.ts';

type FormerSight = {
  readonly revisions: Pick<Store<ControllerRevision>, 'byIndex'>;
  readonly defaults: WorkerDefaults;
};

/**
 * The deployment as an older revision of it would be seen. Undefined when its history does not know that revision,
 * or when what it knows makes other pods today: then it is not what has served.
 */
export function formerly(seen: Seen, revision: string, { revisions, defaults }: FormerSight): Seen | undefined {
  const { deployment, podSecurity } = seen;
  const { uid = '' } = deployment.metadata;
  const kept = revisions.byIndex(byInstance, keyOf(deployment)).find((one) => hashOf(one) === revision && controllerUid(one).includes(uid));
  if (!isJsonObject(kept?.data)) return undefined;
  const former = withRevisionData(deployment, kept.data);
  const acceptance = accept(former, podSecurity);
  if (!acceptance.accepted || revisionOf(former, acceptance.spec) !== revision) return undefined;
  return { ...seen, deployment: former, acceptance, revision, template: podTemplate(former, acceptance.spec, defaults) };
}
