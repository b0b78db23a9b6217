import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { FakeApiServer } from './testing/api-server.fake.ts';
import { eventually } from './testing/eventually.fake.ts';

test('the example of the README works as it stands', async () => {
  const readme = await readFile(new URL('./README.md', import.meta.url), 'utf8');
  const example = /```ts\n(.*?)```/s.exec(readme)?.[1] ?? '';
  const directory = await mkdtemp(join(tmpdir(), 'kube-readme-'));
  const server = await FakeApiServer.start();
  const kubeconfig = {
    'current-context': 'here',
    clusters: [{ name: 'here', cluster: { server: server.url } }],
    contexts: [{ name: 'here', context: { cluster: 'here', user: 'here' } }],
    users: [{ name: 'here', user: {} }],
  };
  await writeFile(join(directory, 'example.ts'), example.replace('./index.ts', new URL('./index.ts', import.meta.url).href));
  await writeFile(join(directory, 'kubeconfig'), JSON.stringify(kubeconfig));
  server.put('namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'a', labels: { team: 'ada' } } } as never);
  const env = { ...process.env, KUBECONFIG: join(directory, 'kubeconfig') };
  const program = spawn(process.execPath, [join(directory, 'example.ts')], { env, stdio: ['ignore', 'inherit', 'inherit'] });
  const exit = new Promise((resolve) => program.once('exit', resolve));
  try {
    await eventually(
      () => expect(server.list('configmaps')).toMatchObject([{ metadata: { namespace: 'a', name: 'welcome' }, data: { team: 'ada' } }]),
      20_000,
    );
    program.kill('SIGTERM');
    expect(await exit).toBe(0);
  } finally {
    program.kill('SIGKILL');
    await exit;
    await server.close();
    await rm(directory, { recursive: true });
  }
});
