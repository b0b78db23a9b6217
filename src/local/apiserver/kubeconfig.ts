import { stringify } from 'yaml';
import { writePrivateFile } from '../private-file.ts';

/** Writes a kubeconfig (mode 0600) with everything embedded, so that it can be copied anywhere on this machine. */
export async function writeKubeconfig(path: string, server: { url: string; caCertificate: string; token: string }): Promise<void> {
  const name = 'modelfleet';
  await writePrivateFile(
    path,
    stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [
        { name, cluster: { server: server.url, 'certificate-authority-data': Buffer.from(server.caCertificate).toString('base64') } },
      ],
      users: [{ name, user: { token: server.token } }],
      contexts: [{ name, context: { cluster: name, user: name, namespace: 'default' } }],
      'current-context': name,
    }),
  );
}
