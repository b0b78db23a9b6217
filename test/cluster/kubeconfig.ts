import { parse, stringify } from 'yaml';
import { isJsonObject } from '../../src/core/json.ts';

/** Who speaks to which API server. All PEM. */
export type Access = {
  readonly server: string;
  readonly user: string;
  readonly caCertificate: string;
  readonly certificate: string;
  readonly key: string;
};

const contextName = 'modelfleet-test';

/** A kubeconfig with one context, and everything in it: it can be copied anywhere. */
export function writeKubeconfig(access: Access): string {
  const data = (pem: string) => Buffer.from(pem).toString('base64');
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': contextName,
    contexts: [{ name: contextName, context: { cluster: contextName, user: access.user } }],
    clusters: [{ name: contextName, cluster: { server: access.server, 'certificate-authority-data': data(access.caCertificate) } }],
    users: [{ name: access.user, user: { 'client-certificate-data': data(access.certificate), 'client-key-data': data(access.key) } }],
  });
}

/** The access that `writeKubeconfig` wrote. Throws when the text is no such kubeconfig. */
export function readKubeconfig(text: string): Access {
  const config: unknown = parse(text);
  const cluster = first(config, 'clusters', 'cluster');
  const user = first(config, 'users', 'user');
  const pem = (from: Record<string, unknown>, field: string) => Buffer.from(String(from[field] ?? ''), 'base64').toString();
  if (typeof cluster.server !== 'string') throw new Error('the kubeconfig names no server');
  return {
    server: cluster.server,
    user: 'admin',
    caCertificate: pem(cluster, 'certificate-authority-data'),
    certificate: pem(user, 'client-certificate-data'),
    key: pem(user, 'client-key-data'),
  };
}

/** The name of a kubeconfig's current context; undefined when it has none. */
export function currentContext(text: string): string | undefined {
  const config: unknown = parse(text);
  const name = isJsonObject(config) ? config['current-context'] : undefined;
  return typeof name === 'string' && name !== '' ? name : undefined;
}

function first(config: unknown, list: string, field: string): Record<string, unknown> {
  const entries = isJsonObject(config) ? config[list] : undefined;
  const entry = Array.isArray(entries) ? entries[0] : undefined;
  const value = isJsonObject(entry) ? entry[field] : undefined;
  if (!isJsonObject(value)) throw new Error(`the kubeconfig has no ${list}`);
  return value;
}
