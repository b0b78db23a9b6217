import 'vitest';

declare module 'vitest' {
  /** What the set-ups of the projects `control-plane` and `e2e` give to their tests. */
  export interface ProvidedContext {
    /** Path of the administrator's kubeconfig; empty where no cluster can be had. */
    kubeconfig: string;
    /** `one-node` is ours to break; others are not. */
    clusterKind: string;
  }
}
