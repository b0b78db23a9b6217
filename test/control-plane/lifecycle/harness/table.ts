import { Agent, request } from 'undici';
import type { Access } from '../../../cluster/kubeconfig.ts';

type Table = {
  readonly columnDefinitions: readonly { readonly name: string }[];
  readonly rows: readonly { readonly cells: readonly unknown[] }[];
};

/** What `kubectl get mdep NAME -o wide` prints, by column: the server makes the rows. */
export async function columnsOf(access: Access, namespace: string, name: string): Promise<Readonly<Record<string, unknown>>> {
  const path = `/apis/modelfleet.dev/v1alpha1/namespaces/${namespace}/modeldeployments/${name}`;
  const { body, statusCode } = await request(new URL(path, access.server), {
    dispatcher: dispatcherOf(access),
    headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' },
  });
  if (statusCode !== 200) throw new Error(`${path}: ${statusCode} ${await body.text()}`);
  const { columnDefinitions, rows } = (await body.json()) as Table;
  return Object.fromEntries(columnDefinitions.map((column, index) => [column.name, rows[0]?.cells[index]]));
}

const dispatchers = new WeakMap<Access, Agent>();

function dispatcherOf(access: Access): Agent {
  const existing = dispatchers.get(access);
  const { caCertificate: ca, certificate: cert, key } = access;
  const dispatcher = existing ?? new Agent({ connect: { ca, cert, key }, connections: 2, keepAliveTimeout: 1_000 });
  dispatchers.set(access, dispatcher);
  return dispatcher;
}
