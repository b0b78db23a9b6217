/**
 * Why a replica is not serving: each reason once, with the remedy that people are shown beside it.
 * Used by the worker's `/status`, by conditions and events, and by the reference docs.
 */
export const reasons = {
  ImagePullFailed: 'Check the image name and the pull secret.',
  PodSecurityForbidden:
    'The Pod Security Standard that the namespace enforces forbids this pod: change what is named, or use another namespace.',
  QuotaExceeded: 'A quota of the namespace is used up: raise it, or lower replicas or resources.',
  CreationRefused: 'The API server refuses to create the pod or its claim: correct what it names, in the spec or in the policy.',
  CacheClaimTaken: 'The claim of the cache is not ours: delete or rename it, or give the deployment another name.',
  VolumeUnavailable: 'A volume cannot be used: check the PersistentVolumeClaim, its storage class and its access mode.',
  ReferenceNotFound:
    'The pod refers to a Secret or ConfigMap that is missing: create it, or correct spec.model.secretRef or spec.engine.env.',
  Unschedulable: 'No node has room: check requests, node selector and taints, or add capacity.',
  Preempted: 'A pod with a higher priority took the place: raise placement.priorityClassName, or add capacity.',
  Evicted:
    'The pod had to leave its node and is replaced: if it happens again, set requests that fit what the replica uses, or keep drains away.',
  NodeLost: 'The node does not answer: look at it (kubectl describe node). The replica is replaced when the cluster gives the pod up.',
  SandboxFailed: 'The node cannot set up the pod: look at its network plugin and its container runtime.',
  ContainerCannotStart: 'The node cannot start the container: correct engine.image, args and env, or what spec.template sets.',
  ContainerKilled:
    'Something outside ended the container, such as the memory killer of the node or a failed liveness probe: read the events of the pod and the log of the node.',
  SourceUnauthorized: 'The source refused the credentials: check spec.model.secretRef.',
  SourceNotFound: 'Nothing is at spec.model.source: check the path, the repository and the revision.',
  SourceRateLimited: 'The source limits requests: wait, or give credentials with a higher limit.',
  SourceUnreachable: 'The source does not answer: check the network and the address.',
  SourceUntrusted: 'The certificate of the source is not trusted: check the address or add the CA.',
  OutOfDisk: 'The disk is full: free space, or expand the volume of the cache.',
  CacheNotWritable:
    'The worker (user 65532) cannot write its cache: make the volume of spec.cache writable for it (not read-only, fsGroup 65532) or choose another.',
  ChecksumMismatch: 'The bytes differ from the pinned checksum: fetch the file again or correct spec.model.checksums.',
  UnsupportedModel: 'The engine cannot run this model: choose another engine.type, file or contextLength.',
  HostOutOfMemory: 'Not enough memory on the host: raise resources.limits.memory or choose a smaller model.',
  DeviceOutOfMemory: 'Not enough memory on the device: lower contextLength or maxSequences, or choose a larger device.',
  KVCacheTooSmall: 'No room for the KV cache: lower contextLength or maxSequences.',
  DriverIncompatible: 'The driver does not fit the engine: update the driver or choose another image.',
  DeviceMissing: 'The device asked for is not there: check resources.gpu, the node and the runtime class.',
  EngineCrashed: 'The engine ended unexpectedly: read the logs of the pod.',
  EngineWedged: 'The engine stopped producing tokens: it is restarted unless health.restartOnWedge is false; read the logs of the pod.',
  AgentUnreachable:
    'The controller cannot read the status of the replica: check that network policies let it reach the management port, and that both are of neighbouring versions.',
  NoProgress: 'Loading made no progress within rollout.noProgressTimeout: read the logs of the pod.',
} as const satisfies Record<string, string>;

export type FailureReason = keyof typeof reasons;

export function isFailureReason(value: unknown): value is FailureReason {
  return typeof value === 'string' && Object.hasOwn(reasons, value);
}
