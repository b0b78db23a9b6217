import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import type { KubeConfig, User } from '@kubernetes/client-node';
import { parse } from 'yaml';
import type { Clock } from '../../core/clock.ts';
import { isJsonObject } from '../../core/json.ts';
import { type CredentialSource, KubeConfigCredentials } from './credentials.ts';
import { ServiceAccountCredentials, serviceAccountDirectory, serviceAccountServer } from './service-account.ts';

/** How to reach a cluster, and as whom. */
export type ClusterAccess = {
  /** URL of the API server. */
  readonly server: string;
  readonly proxyUrl?: string | undefined;
  /** The namespace that the context names, for what names none. */
  readonly namespace?: string | undefined;
  credentials(clock: Clock): CredentialSource;
};

export type LoadOptions = {
  /** A kubeconfig file; wins over everything else. */
  readonly path?: string | undefined;
  /** A context of it other than the current one. */
  readonly context?: string | undefined;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Where a pod finds its service account, unless in the usual place. */
  readonly serviceAccountDir?: string | undefined;
};

/**
 * The access to use: the named kubeconfig, else the files of KUBECONFIG, else the pod's service account, else ~/.kube/config.
 * Throws an Error that says which file or context was wrong, or that there is none.
 */
export async function loadKubeConfig(options: LoadOptions = {}): Promise<ClusterAccess> {
  const env = options.env ?? process.env;
  const home = join(env.HOME ?? homedir(), '.kube', 'config');
  const named = options.path ? [options.path] : (env.KUBECONFIG ?? '').split(delimiter).filter((file) => file !== '');
  const { serviceAccountDir = serviceAccountDirectory } = options;
  const inPod = env.KUBERNETES_SERVICE_HOST !== undefined && existsSync(join(serviceAccountDir, 'token'));
  if (inPod && named.length === 0 && options.context === undefined) {
    const credentials = (clock: Clock) => new ServiceAccountCredentials(serviceAccountDir, clock);
    return { server: serviceAccountServer(env), credentials };
  }
  const files = named.length > 0 ? named : existsSync(home) ? [home] : [];
  if (files.length === 0) {
    throw new Error('no kubeconfig: name one with --kubeconfig or KUBECONFIG, or run in a pod with a service account');
  }

  // Loaded only when used: importing client-node costs a second and 60 MB.
  const { KubeConfig } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  for (const [index, file] of files.entries()) {
    const part = index === 0 ? config : new KubeConfig();
    await loadFile(part, file);
    if (part !== config) config.mergeConfig(part, true);
  }
  if (options.context) config.setCurrentContext(options.context);
  const cluster = config.getCurrentCluster();
  if (!cluster) {
    throw new Error(`the context ${JSON.stringify(config.getCurrentContext())} of ${files.join(', ')} names no known cluster`);
  }
  const user = config.getCurrentUser() ?? { name: 'anonymous' };
  const credentials = (clock: Clock) => new KubeConfigCredentials(cluster, user, clock);
  const { namespace } = config.getContextObject(config.getCurrentContext()) ?? {};
  return { server: cluster.server, proxyUrl: cluster.proxyUrl, namespace, credentials };
}

async function loadFile(config: KubeConfig, file: string): Promise<void> {
  try {
    const text = await readFile(file, 'utf8');
    config.loadFromString(text);
    config.makePathsAbsolute(dirname(resolve(file)));
    config.users = withTokenFiles(config.users, parse(text), dirname(resolve(file)));
  } catch (error) {
    throw new Error(`cannot read the kubeconfig ${file}: ${error instanceof Error ? error.message : String(error)}.`, { cause: error });
  }
}

/** client-node overlooks `tokenFile` of a kubeconfig's user; as an auth provider it re-reads the file as tokens rotate. */
function withTokenFiles(users: readonly User[], source: unknown, directory: string): User[] {
  const entries = isJsonObject(source) && Array.isArray(source.users) ? source.users : [];
  const tokenFiles = new Map<string, string>();
  for (const entry of entries) {
    if (!isJsonObject(entry) || typeof entry.name !== 'string' || !isJsonObject(entry.user)) continue;
    const { tokenFile } = entry.user;
    if (typeof tokenFile === 'string' && tokenFile !== '') tokenFiles.set(entry.name, resolve(directory, tokenFile));
  }
  return users.map((user) => {
    const tokenFile = tokenFiles.get(user.name);
    if (tokenFile === undefined) return user;
    const { token: _superseded, ...rest } = user;
    return { ...rest, authProvider: { name: 'tokenFile', config: { tokenFile } } };
  });
}
