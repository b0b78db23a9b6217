/** Which cluster the environment asks for. */
export type Choice =
  | { readonly kind: 'external'; readonly kubeconfig: string }
  | { readonly kind: 'k3s'; readonly image: string }
  | { readonly kind: 'one-node' };

/** How images reach a cluster that is not ours. */
export type ImageRoute = { readonly tool: 'kind' | 'k3d'; readonly cluster: string } | { readonly tool: 'registry' };

const k3sImage = 'rancher/k3s:v1.35.4-k3s1';

/** E2E_KUBECONFIG names a cluster; E2E_CLUSTER=k3s takes one in a container (image: E2E_K3S_IMAGE); else our own. Throws on any other word. */
export function chooseCluster(env: Readonly<Record<string, string | undefined>>): Choice {
  if (env.E2E_KUBECONFIG) return { kind: 'external', kubeconfig: env.E2E_KUBECONFIG };
  const word = env.E2E_CLUSTER || 'one-node';
  if (word === 'k3s') return { kind: 'k3s', image: env.E2E_K3S_IMAGE || k3sImage };
  if (word === 'one-node') return { kind: 'one-node' };
  throw new Error(`E2E_CLUSTER is ${JSON.stringify(word)}; it may be one-node or k3s. For a cluster that exists set E2E_KUBECONFIG.`);
}

/** kind and k3d name their contexts after themselves and can take images from the local engine; others must be able to pull them. */
export function imageRoute(context: string | undefined): ImageRoute {
  const [, tool, cluster] = /^(kind|k3d)-(.+)$/.exec(context ?? '') ?? [];
  if (cluster !== undefined && (tool === 'kind' || tool === 'k3d')) return { tool, cluster };
  return { tool: 'registry' };
}
