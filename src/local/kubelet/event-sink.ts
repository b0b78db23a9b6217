import type { KubeObject } from '../../kube/index.ts';

/** Takes note of something that happened to an object; never throws. The kernel's EventRecorder is one. */
export type EventSink = {
  event(object: KubeObject, type: 'Normal' | 'Warning', reason: string, message: string): void;
};
