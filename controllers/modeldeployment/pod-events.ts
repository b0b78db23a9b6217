import { modelDeploymentResource } from '../../src/api/resources.ts';
import {
  type Event,
  events,
  type Indexer,
  type Informer,
  type InformerCache,
  type Pod,
  refKey,
  type Source,
} from '../../src/kube/index.ts';

/** Trouble of a pod that its status does not carry, only its events. */
const reasons = ['FailedMount', 'FailedAttachVolume', 'FailedCreatePodSandBox', 'FailedPrepareDynamicResources'] as const;

/** The newest trouble of a pod that only an event tells. */
export type PodEvent = {
  readonly reason: (typeof reasons)[number];
  readonly message: string;
  /** When it was last seen, milliseconds since the epoch. */
  readonly at: number;
};

const byPod = 'pod';

/** Follows the few kinds of events that tell why a pod does not get on; their number in a cluster is small. */
export class PodEvents {
  private readonly informers: readonly { readonly reason: PodEvent['reason']; readonly informer: Informer<Event> }[];
  private readonly pods: Informer<Pod>;

  constructor(cache: InformerCache, pods: Informer<Pod>, namespace?: string) {
    this.pods = pods;
    this.informers = reasons.map((reason) => ({
      reason,
      informer: cache.informer(events, {
        namespace,
        late: true,
        fieldSelector: `involvedObject.kind=Pod,reason=${reason}`,
        indexers: { [byPod]: podOf[reason] },
      }),
    }));
  }

  /** The newest trouble of the pod with this UID. */
  latest(uid: string): PodEvent | undefined {
    return this.informers
      .flatMap(({ reason, informer }) =>
        informer.store.byIndex(byPod, uid).map((event): PodEvent => ({ reason, message: event.message ?? '', at: lastSeen(event) })),
      )
      .reduce<PodEvent | undefined>((newest, event) => (newest && newest.at >= event.at ? newest : event), undefined);
  }

  /** Enqueues the deployment of each pod of ours that has news of this kind. */
  source(): Source {
    return {
      start: (enqueue) => {
        const hear = (event: Event) => {
          const owner = this.ownerOf(event);
          if (owner !== undefined) enqueue(owner);
        };
        const ends = this.informers.map(({ informer }) => informer.addHandler({ add: hear, update: hear }));
        return () => {
          for (const end of ends) end();
        };
      },
      synced: async (signal) => {
        await Promise.all(this.informers.map(({ informer }) => informer.synced(signal)));
      },
    };
  }

  /** `namespace/name` of the deployment that controls the pod; undefined for pods of others, and for those that are gone. */
  private ownerOf({ involvedObject: { namespace, name = '', uid } }: Event): string | undefined {
    const pod = this.pods.store.get(refKey({ namespace, name }));
    const owner = pod?.metadata.ownerReferences?.find(({ controller, kind }) => controller && kind === modelDeploymentResource.kind);
    return owner && pod?.metadata.uid === uid ? refKey({ namespace, name: owner.name }) : undefined;
  }
}

/**
 * Files an event under its pod. A server that does not know the selector sends all events to each informer.
 * Made once: the controller of the next term of leadership asks the same informers, with the same functions.
 */
const podOf: Readonly<Record<PodEvent['reason'], Indexer<Event>>> = {
  FailedMount: filedUnderPod('FailedMount'),
  FailedAttachVolume: filedUnderPod('FailedAttachVolume'),
  FailedCreatePodSandBox: filedUnderPod('FailedCreatePodSandBox'),
  FailedPrepareDynamicResources: filedUnderPod('FailedPrepareDynamicResources'),
};

function filedUnderPod(reason: PodEvent['reason']): Indexer<Event> {
  return (event) => {
    const { kind, uid } = event.involvedObject;
    return kind === 'Pod' && uid && event.reason === reason ? [uid] : [];
  };
}

/** Events are counted in three ways, by the age of who writes them. */
function lastSeen({ series, lastTimestamp, eventTime, metadata }: Event): number {
  return Date.parse(series?.lastObservedTime ?? lastTimestamp ?? eventTime ?? metadata.creationTimestamp ?? '') || 0;
}
