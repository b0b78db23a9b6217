import { readFile } from 'node:fs/promises';
import { request } from 'node:https';
import { text } from 'node:stream/consumers';
import { type Access, readKubeconfig } from './kubeconfig.ts';

/** A request of the administrator to a cluster of ours. Fails unless the answer is 2xx. Plain HTTPS: client libraries take a second to load. */
export async function askApi(
  access: Access,
  method: string,
  path: string,
  body?: unknown,
  contentType = 'application/json',
): Promise<string> {
  const { caCertificate: ca, certificate: cert, key } = access;
  const headers = body === undefined ? {} : { 'content-type': contentType };
  const response = await new Promise<{ status: number; text: string }>((resolve, reject) => {
    const asking = request(new URL(path, access.server), { method, ca, cert, key, headers, timeout: 5_000, agent: false }, (answer) => {
      text(answer).then((text) => resolve({ status: answer.statusCode ?? 0, text }), reject);
    });
    asking.once('timeout', () => asking.destroy(new Error(`${access.server} did not answer within 5 s`)));
    asking.once('error', reject);
    asking.end(body === undefined ? undefined : JSON.stringify(body));
  });
  if (response.status >= 300) throw new Error(`${method} ${path}: ${response.status} ${response.text.slice(0, 500)}`);
  return response.text;
}

/** The administrator's access to a cluster of ours. */
export async function accessOf(kubeconfig: string): Promise<Access> {
  return readKubeconfig(await readFile(kubeconfig, 'utf8'));
}

/** Creates or changes objects as `kubectl apply --server-side` does. */
export async function applyObjects(access: Access, objects: Readonly<Record<string, unknown>>): Promise<void> {
  for (const [path, object] of Object.entries(objects)) {
    await askApi(access, 'PATCH', `${path}?fieldManager=modelfleet-test-cluster&force=true`, object, 'application/apply-patch+yaml');
  }
}

/** Whether the API server serves, and the objects are there that every pod needs. */
export async function isServing(access: Access): Promise<boolean> {
  return (await askApi(access, 'GET', '/readyz')) === 'ok';
}
