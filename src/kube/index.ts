export type { Change } from './cache/changes.ts';
export { type Handler, Informer, type InformerOptions } from './cache/informer.ts';
export { InformerCache, type InformerRequest } from './cache/informer-cache.ts';
export type { Indexer, Store, Transform } from './cache/store.ts';
export { ApiError, ConnectionError, isAlreadyExists, isConflict, isExpired, isNotFound, WriteRefused } from './client/api-error.ts';
export {
  KubeClient,
  type KubeClientOptions,
  type ObjectList,
  type RawRequest,
  type ServerAddress,
} from './client/kube-client.ts';
export { type ClusterAccess, type LoadOptions, loadKubeConfig } from './client/kube-config.ts';
export { NdjsonDecoder } from './client/ndjson.ts';
export type { ApplyOptions, CallOptions, DeleteOptions, ListOptions, Selection, WatchOptions, WriteOptions } from './client/options.ts';
export { isAtLeastVersion } from './client/resource-version.ts';
export {
  type ConfigMap,
  type CustomResourceDefinition,
  configMaps,
  customResourceDefinitions,
  type Event,
  events,
  type Lease,
  leases,
  type Namespace,
  type Node,
  namespaces,
  nodes,
  type Pod,
  pods,
  type Scale,
  type Secret,
  secrets,
} from './client/resources.ts';
export {
  type ApplyObject,
  apiVersionOf,
  type Draft,
  type Intent,
  type KubeObject,
  keyOf,
  type MergePatch,
  type ObjectMeta,
  type ObjectRef,
  parseKey,
  type ResourceType,
  refKey,
  resourceType,
  type Served,
} from './client/types.ts';
export type { Bookmark, WatchEvent } from './client/watch-event.ts';
export { countResponses, KubeMetrics } from './metrics.ts';
export { fieldRule, type MergeRule } from './patch/merge-rule.ts';
export { podMergeRule } from './patch/pod-merge-rule.ts';
export { applyStrategicMergePatch, PatchError } from './patch/strategic-merge.ts';
export { type Condition, findCondition, isConditionTrue, setCondition } from './runtime/conditions.ts';
export { Controller, type ControllerOptions, type Reconcile, type ReconcileContext } from './runtime/controller.ts';
export { EventRecorder, type EventRecorderOptions } from './runtime/event-recorder.ts';
export { addFinalizer, hasFinalizer, removeFinalizer } from './runtime/finalizers.ts';
export { LeaderElection, type LeaderElectionOptions, LeadershipLost } from './runtime/leader-election.ts';
export { type LeaseStore, leaseStore } from './runtime/leader-election-lease.ts';
export { type ManagedCache, type ManagedController, Manager, type ManagerOptions, type Runnable } from './runtime/manager.ts';
export type { ControllerMetrics, ControllerObserver, LeaderElectionMetrics, QueueObserver } from './runtime/observers.ts';
export {
  and,
  annotationsChanged,
  deletionStarted,
  generationChanged,
  labelsChanged,
  not,
  or,
  type Predicate,
} from './runtime/predicates.ts';
export { ExponentialBackoff, MaxOf, type RateLimiter, TokenBucket } from './runtime/rate-limiter.ts';
export { done, type Result, requeueAfter, TerminalError } from './runtime/result.ts';
export { forType, lately, owns, type Source, urgently, watches } from './runtime/sources.ts';
export { WorkQueue, type WorkQueueOptions } from './runtime/work-queue.ts';
export { microTimestamp, timestamp } from './time.ts';
