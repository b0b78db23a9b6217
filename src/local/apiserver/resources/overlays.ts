import type { JsonValue } from '../../../core/json.ts';

/** What the generated client's models do not say about a type. Lists not named here are atomic, as in the Kubernetes OpenAPI document. */
export type Overlay = {
  readonly required?: readonly string[];
  readonly defaults?: Readonly<Record<string, JsonValue>>;
  readonly enums?: Readonly<Record<string, readonly string[]>>;
  readonly minimums?: Readonly<Record<string, number>>;
  /** Lists merged as sets or by keys. */
  readonly lists?: Readonly<Record<string, 'set' | readonly string[]>>;
  /** Lists of those that a strategic merge patch replaces: server-side apply alone knows their keys. */
  readonly replaced?: readonly string[];
  /** Fields that are quantities: a number is as good as a string. */
  readonly quantities?: readonly string[];
  /** Maps that have one owner as a whole. */
  readonly atomicMaps?: readonly string[];
  /** The struct itself has one owner as a whole. */
  readonly atomic?: true;
  /** Fields whose shape the server does not look into. */
  readonly opaque?: readonly string[];
};

const conditions = { lists: { conditions: ['type'] } } as const;
const condition = { required: ['type', 'status'] } as const;
const workloadPolicies = ['Always', 'OnFailure', 'Never'] as const;
const protocols = ['TCP', 'UDP', 'SCTP'] as const;
const probe = { timeoutSeconds: 1, periodSeconds: 10, successThreshold: 1, failureThreshold: 3 } as const;

export const overlays: Readonly<Record<string, Overlay>> = {
  V1ObjectMeta: { lists: { finalizers: 'set', ownerReferences: ['uid'] } },
  V1OwnerReference: { required: ['apiVersion', 'kind', 'name', 'uid'], atomic: true },
  V1ManagedFieldsEntry: { opaque: ['fieldsV1'] },
  V1LabelSelector: { atomic: true },
  V1LabelSelectorRequirement: { required: ['key', 'operator'] },
  V1LocalObjectReference: { atomic: true, defaults: { name: '' } },
  V1ObjectReference: { atomic: true },
  V1TypedLocalObjectReference: { atomic: true, required: ['kind', 'name'] },
  V1Condition: { required: ['type', 'status', 'lastTransitionTime', 'reason', 'message'] },

  V1PodSpec: {
    required: ['containers'],
    defaults: {
      restartPolicy: 'Always',
      dnsPolicy: 'ClusterFirst',
      schedulerName: 'default-scheduler',
      terminationGracePeriodSeconds: 30,
      securityContext: {},
      enableServiceLinks: true,
    },
    enums: { restartPolicy: workloadPolicies, dnsPolicy: ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None'] },
    minimums: { terminationGracePeriodSeconds: 0, activeDeadlineSeconds: 1 },
    lists: {
      containers: ['name'],
      initContainers: ['name'],
      ephemeralContainers: ['name'],
      volumes: ['name'],
      imagePullSecrets: ['name'],
      hostAliases: ['ip'],
      topologySpreadConstraints: ['topologyKey', 'whenUnsatisfiable'],
      schedulingGates: ['name'],
      resourceClaims: ['name'],
    },
    quantities: ['overhead'],
    atomicMaps: ['nodeSelector'],
  },
  V1PodStatus: { lists: { conditions: ['type'], podIPs: ['ip'], resourceClaimStatuses: ['name'] } },
  V1PodCondition: condition,
  V1PodIP: { required: ['ip'] },
  V1Container: {
    required: ['name', 'image'],
    defaults: { terminationMessagePath: '/dev/termination-log', terminationMessagePolicy: 'File', resources: {} },
    enums: { imagePullPolicy: ['Always', 'IfNotPresent', 'Never'], terminationMessagePolicy: ['File', 'FallbackToLogsOnError'] },
    lists: { ports: ['containerPort', 'protocol'], env: ['name'], volumeMounts: ['mountPath'], volumeDevices: ['devicePath'] },
  },
  V1ContainerPort: {
    required: ['containerPort'],
    defaults: { protocol: 'TCP' },
    enums: { protocol: protocols },
    minimums: { containerPort: 1, hostPort: 0 },
  },
  V1EnvVar: { required: ['name'] },
  V1ObjectFieldSelector: { required: ['fieldPath'], defaults: { apiVersion: 'v1' }, atomic: true },
  V1ResourceFieldSelector: { required: ['resource'], quantities: ['divisor'], atomic: true },
  V1SecretKeySelector: { required: ['key'], defaults: { name: '' }, atomic: true },
  V1ConfigMapKeySelector: { required: ['key'], defaults: { name: '' }, atomic: true },
  V1VolumeMount: { required: ['name', 'mountPath'] },
  V1VolumeDevice: { required: ['name', 'devicePath'] },
  V1Volume: { required: ['name'] },
  V1KeyToPath: { required: ['key', 'path'] },
  V1SecretVolumeSource: { defaults: { defaultMode: 420 } },
  V1ConfigMapVolumeSource: { defaults: { defaultMode: 420, name: '' } },
  V1DownwardAPIVolumeSource: { defaults: { defaultMode: 420 } },
  V1ProjectedVolumeSource: { defaults: { defaultMode: 420 } },
  V1HostPathVolumeSource: { required: ['path'], defaults: { type: '' } },
  V1EmptyDirVolumeSource: { quantities: ['sizeLimit'] },
  V1PersistentVolumeClaimVolumeSource: { required: ['claimName'] },
  V1Probe: {
    defaults: probe,
    minimums: { timeoutSeconds: 1, periodSeconds: 1, successThreshold: 1, failureThreshold: 1, initialDelaySeconds: 0 },
  },
  V1HTTPGetAction: { required: ['port'], defaults: { scheme: 'HTTP', path: '/' }, enums: { scheme: ['HTTP', 'HTTPS'] } },
  V1HTTPHeader: { required: ['name', 'value'] },
  V1TCPSocketAction: { required: ['port'] },
  V1GRPCAction: { required: ['port'], defaults: { service: '' } },
  V1ResourceRequirements: { quantities: ['limits', 'requests'], lists: { claims: ['name'] }, replaced: ['claims'] },
  V1ContainerStatus: { quantities: ['allocatedResources'] },
  V1VolumeResourceRequirements: { quantities: ['limits', 'requests'] },
  V1Toleration: { enums: { operator: ['Exists', 'Equal', 'Lt', 'Gt'], effect: ['NoSchedule', 'PreferNoSchedule', 'NoExecute', ''] } },
  V1TopologySpreadConstraint: { required: ['maxSkew', 'topologyKey', 'whenUnsatisfiable'], minimums: { maxSkew: 1 } },
  V1NodeSelector: { required: ['nodeSelectorTerms'], atomic: true },
  V1NodeSelectorTerm: { atomic: true },
  V1NodeSelectorRequirement: { required: ['key', 'operator'] },
  V1PodAffinityTerm: { required: ['topologyKey'] },

  V1NodeSpec: { lists: { podCIDRs: 'set' } },
  V1NodeStatus: { lists: { conditions: ['type'], addresses: ['type'] }, quantities: ['capacity', 'allocatable'] },
  V1NodeCondition: condition,
  V1NodeAddress: { required: ['type', 'address'] },
  V1Taint: { required: ['key', 'effect'], enums: { effect: ['NoSchedule', 'PreferNoSchedule', 'NoExecute'] } },
  V1NamespaceStatus: conditions,
  V1NamespaceCondition: condition,

  CoreV1Event: { required: ['involvedObject'] },
  V1Secret: { defaults: { type: 'Opaque' } },
  V1ServiceAccount: { lists: { secrets: ['name'] } },
  V1ServiceSpec: {
    defaults: { type: 'ClusterIP', sessionAffinity: 'None' },
    enums: { type: ['ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName'], sessionAffinity: ['None', 'ClientIP'] },
    lists: { ports: ['port', 'protocol'] },
    atomicMaps: ['selector'],
  },
  V1ServicePort: { required: ['port'], defaults: { protocol: 'TCP' }, enums: { protocol: protocols }, minimums: { port: 1 } },
  V1ServiceStatus: conditions,
  V1PersistentVolumeClaimSpec: { defaults: { volumeMode: 'Filesystem' }, enums: { volumeMode: ['Block', 'Filesystem'] } },
  V1PersistentVolumeClaimStatus: { lists: { conditions: ['type'] }, quantities: ['capacity', 'allocatedResources'] },
  V1PersistentVolumeClaimCondition: condition,

  V1LeaseSpec: { minimums: { leaseDurationSeconds: 1, leaseTransitions: 0 } },
  V1ControllerRevision: { required: ['revision'], opaque: ['data'] },

  V2HorizontalPodAutoscalerSpec: {
    required: ['scaleTargetRef', 'maxReplicas'],
    defaults: { minReplicas: 1 },
    minimums: { minReplicas: 0, maxReplicas: 1 },
  },
  V2HorizontalPodAutoscalerStatus: conditions,
  V2HorizontalPodAutoscalerCondition: condition,
  V2CrossVersionObjectReference: { required: ['kind', 'name'] },
  V2MetricSpec: { required: ['type'], enums: { type: ['ContainerResource', 'External', 'Object', 'Pods', 'Resource'] } },
  V2MetricIdentifier: { required: ['name'] },
  V2MetricTarget: { required: ['type'], quantities: ['averageValue', 'value'], enums: { type: ['AverageValue', 'Utilization', 'Value'] } },
  V2MetricValueStatus: { quantities: ['averageValue', 'value'] },
  V2HPAScalingPolicy: { required: ['type', 'value', 'periodSeconds'], minimums: { value: 1, periodSeconds: 1 } },
  V1PodDisruptionBudgetStatus: conditions,

  V1CustomResourceDefinitionSpec: {
    required: ['group', 'names', 'scope', 'versions'],
    enums: { scope: ['Cluster', 'Namespaced'] },
    defaults: { conversion: { strategy: 'None' } },
  },
  V1CustomResourceDefinitionNames: { required: ['plural', 'kind'] },
  V1CustomResourceDefinitionVersion: { required: ['name', 'served', 'storage'] },
  V1CustomResourceValidation: { opaque: ['openAPIV3Schema'] },
  V1CustomResourceColumnDefinition: { required: ['name', 'type', 'jsonPath'] },
  V1CustomResourceSubresourceScale: { required: ['specReplicasPath', 'statusReplicasPath'] },
  V1SelectableField: { required: ['jsonPath'] },
  V1CustomResourceDefinitionStatus: conditions,
};
