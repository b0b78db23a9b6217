type ClusterKind = 'one-node' | 'control-plane' | 'k3s' | 'external';

/** What can be stopped and started alone. */
export const components = ['etcd', 'apiserver', 'controller-manager', 'scheduler', 'kubelet', 'proxy', 'coredns'] as const;
type Component = (typeof components)[number];

/** A Kubernetes to test against. */
export type Cluster = {
  readonly kind: ClusterKind;
  /** Path of the administrator's kubeconfig. */
  readonly kubeconfig: string;
  /** Copies images of the local Docker engine to the nodes. */
  load(images: readonly string[]): Promise<void>;
  /** Stops and starts a component; undefined where the cluster is not ours. */
  readonly components?: { stop(component: Component): Promise<void>; start(component: Component): Promise<void> };
  /** Ends what was started here; nothing for an external cluster. */
  close(): Promise<void>;
};
