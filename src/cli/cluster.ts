import type { Command } from 'commander';
import { ApiError, KubeClient, loadKubeConfig, type ObjectRef } from '../kube/index.ts';

/** Which cluster a command talks to, and where in it. */
export type ClusterOptions = { readonly kubeconfig?: string; readonly context?: string; readonly namespace?: string };

/** Adds the options by which kubectl's users name a cluster and a namespace. */
export function withClusterOptions(command: Command): Command {
  return command
    .option('-n, --namespace <name>', 'namespace; that of the context, else default')
    .option('--kubeconfig <file>', 'kubeconfig; else KUBECONFIG, the pod’s service account or ~/.kube/config')
    .option('--context <name>', 'context of the kubeconfig');
}

/** Does `work` with a client of the cluster and closes it. What the server forbids is told with what is missing. */
export async function inCluster(
  options: ClusterOptions,
  fieldManager: string,
  work: (client: KubeClient, namespace: string) => Promise<void>,
): Promise<void> {
  const access = await loadKubeConfig({ path: options.kubeconfig, context: options.context });
  const client = KubeClient.fromKubeConfig(access, { fieldManager });
  const namespace = options.namespace ?? access.namespace ?? 'default';
  try {
    await work(client, namespace);
  } catch (error) {
    if (!(error instanceof ApiError) || error.code !== 403) throw error;
    const role = error.message.startsWith('GET') ? 'view' : 'edit';
    throw new Error(`${error.message}. The cluster role ${role}, bound in namespace ${namespace}, allows it.`, { cause: error });
  } finally {
    await client.close();
  }
}

/** The deployment that a user names as `NAME`, `mdep/NAME` or `modeldeployment/NAME`. Throws an Error that says how to write it. */
export function deploymentRef(text: string, namespace: string): ObjectRef {
  const [, name] = /^(?:(?:mdep|modeldeployments?(?:\.modelfleet\.dev)?)\/)?([a-z0-9][a-z0-9.-]*)$/.exec(text) ?? [];
  if (name === undefined) throw new Error(`"${text}" names no ModelDeployment: write NAME or mdep/NAME.`);
  return { namespace, name };
}
