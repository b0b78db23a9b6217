/** Where a kind lives in the Kubernetes API: what a client needs to build its URLs. */
type ApiResource = {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
};

export const apiGroup = 'modelfleet.dev';
export const apiVersion = `${apiGroup}/v1alpha1` as const;

export const modelDeploymentResource = {
  group: apiGroup,
  version: 'v1alpha1',
  kind: 'ModelDeployment',
  plural: 'modeldeployments',
  namespaced: true,
} as const satisfies ApiResource;

export const tenantResource = {
  group: apiGroup,
  version: 'v1alpha1',
  kind: 'Tenant',
  plural: 'tenants',
  namespaced: false,
} as const satisfies ApiResource;

/** Labels on every worker pod. */
export const labels = {
  model: `${apiGroup}/model`,
  revision: `${apiGroup}/revision`,
  name: 'app.kubernetes.io/name',
  instance: 'app.kubernetes.io/instance',
  component: 'app.kubernetes.io/component',
  managedBy: 'app.kubernetes.io/managed-by',
} as const;

export const annotations = {
  /** JSON `{"http": 43121, "management": 43122}`: the real host ports of a replica that local mode runs as a process. */
  ports: `${apiGroup}/ports`,
  /** On a replica: names of the adapters that it loads with its model, with commas between them. */
  adapters: `${apiGroup}/adapters`,
  /** `"true"` on a replica that gets no new request because it is about to go. */
  draining: `${apiGroup}/draining`,
  /** On a draining replica: when it was marked, RFC 3339; `rollout.drainTimeout` counts from then. */
  drainingSince: `${apiGroup}/drainingSince`,
  /** `"true"` on a replica of an older revision that was made again because the rollout to the new one is halted. */
  restored: `${apiGroup}/restored`,
  /** On a ModelDeployment: a new value replaces all replicas, as `kubectl rollout restart` does. */
  restartedAt: `${apiGroup}/restartedAt`,
  /** On a ModelDeployment without replicas: since when the operator lets it sleep, RFC 3339; a request wakes it. */
  asleep: `${apiGroup}/asleep`,
  /** On a ControllerRevision: when it became the current one again, RFC 3339. */
  currentSince: `${apiGroup}/currentSince`,
} as const;

/** On a ModelDeployment that has replicas: they finish their requests before it goes. */
export const drainFinalizer = `${apiGroup}/drain`;

/** Ask the cluster autoscaler and Karpenter to leave a node alone; on every replica until its model is loaded. */
export const protectionAnnotations = {
  'cluster-autoscaler.kubernetes.io/safe-to-evict': 'false',
  'karpenter.sh/do-not-disrupt': 'true',
} as const;
