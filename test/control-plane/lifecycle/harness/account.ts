import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse, parseAllDocuments } from 'yaml';
import { isJsonObject } from '../../../../src/core/json.ts';
import {
  type ApplyObject,
  type CustomResourceDefinition,
  customResourceDefinitions,
  KubeClient,
  type KubeClientOptions,
  type KubeObject,
  loadKubeConfig,
  namespaces,
  resourceType,
} from '../../../../src/kube/index.ts';
import { chart } from '../../../chart/chart.ts';
import { accessOf } from '../../../cluster/admin-api.ts';
import type { Access } from '../../../cluster/kubeconfig.ts';
import { helm } from '../../../fakes/helm.ts';
import { until } from './until.ts';

/** A real API server with the definitions and the roles of the chart, and two ways in: as its administrator and as the operator. */
export type Account = {
  readonly admin: KubeClient;
  readonly access: Access;
  /** A client with nothing but the rights that the chart gives the controller. */
  operator(options: KubeClientOptions): KubeClient;
};

// Not the chart's usual names: tests beside these install and remove it.
const release = 'life';
const home = 'modelfleet-lifecycle';
const crds = join(import.meta.dirname, '../../../../crds');

let opened: Promise<Account> | undefined;

/** The account of this file's tests, opened once. */
export function openAccount(kubeconfig: string): Promise<Account> {
  opened ??= open(kubeconfig);
  return opened;
}

async function open(kubeconfig: string): Promise<Account> {
  const admin = KubeClient.fromKubeConfig(await loadKubeConfig({ path: kubeconfig }), { fieldManager: 'modelfleet-lifecycle' });
  const access = await accessOf(kubeconfig);
  const [objects] = await Promise.all([roles(), define(admin)]);
  await admin.apply(namespaces, { metadata: { name: home } }, { force: true });
  for (const object of objects) await admin.apply(typeOf(object), object as ApplyObject<KubeObject>, { force: true });
  const account = objects.find(({ kind, metadata }) => kind === 'ServiceAccount' && metadata.name.endsWith('-controller'));
  if (!account) throw new Error('the chart renders no ServiceAccount for the controller');
  const token = await tokenOf(admin, account.metadata.name);
  return {
    admin,
    access,
    operator: (options) => KubeClient.fromServer({ url: access.server, caCertificate: access.caCertificate, token }, options),
  };
}

async function define(admin: KubeClient): Promise<void> {
  const files = (await readdir(crds)).filter((name) => name.endsWith('.yaml'));
  const definitions = await Promise.all(files.map(async (name) => parse(await readFile(join(crds, name), 'utf8'))));
  for (const definition of definitions as CustomResourceDefinition[]) {
    await admin.apply(customResourceDefinitions, definition as ApplyObject<CustomResourceDefinition>, { force: true });
    await until(async () => {
      const { status } = await admin.get(customResourceDefinitions, definition.metadata);
      return status?.conditions?.some((one) => one.type === 'Established' && one.status === 'True') === true;
    });
  }
}

/** ServiceAccounts and roles as `helm install` would make them. */
async function roles(): Promise<readonly KubeObject[]> {
  const shown = ['rbac.yaml', 'service-accounts.yaml'].flatMap((name) => ['--show-only', `templates/${name}`]);
  const { stdout, stderr, code } = await helm(undefined, ['template', release, chart, '--namespace', home, ...shown]);
  if (code !== 0) throw new Error(`helm template: ${stderr}`);
  return parseAllDocuments(stdout).flatMap((document) => {
    const object: unknown = document.toJS();
    return isJsonObject(object) ? [object as unknown as KubeObject] : [];
  });
}

const clusterKinds = ['ClusterRole', 'ClusterRoleBinding'];

function typeOf({ apiVersion, kind }: KubeObject) {
  const [version = '', group = ''] = apiVersion.split('/').reverse();
  return resourceType({ group, version, kind, plural: `${kind.toLowerCase()}s`, namespaced: !clusterKinds.includes(kind) });
}

async function tokenOf(admin: KubeClient, name: string): Promise<string> {
  const path = `/api/v1/namespaces/${home}/serviceaccounts/${name}/token`;
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: 3600 } };
  const answer = await admin.request('POST', path, { body });
  const status = isJsonObject(answer) ? answer.status : undefined;
  if (!isJsonObject(status) || typeof status.token !== 'string') throw new Error(`no token for ServiceAccount ${name}`);
  return status.token;
}
