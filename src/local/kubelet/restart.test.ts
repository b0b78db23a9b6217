import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PodSpec } from 'kubernetes-types/core/v1.d.ts';
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest';
import { silentLogger } from '../../core/logger.ts';
import { isNotFound, KubeClient, nodes, type Pod, pods } from '../../kube/index.ts';
import { type RunningApiServer, startApiServer } from '../apiserver/server.ts';
import { identify } from '../process-identity.ts';

const ref = { namespace: 'default', name: 'web' };
const patience = { timeout: 20_000, interval: 20 };

let folder: string;
let server: RunningApiServer;
let client: KubeClient;
let stateDir: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mf-restart-'));
  server = await startApiServer({ stateDir: join(folder, 'api'), logger: silentLogger });
  client = KubeClient.fromServer(server);
});

beforeEach(async () => {
  stateDir = await mkdtemp(join(folder, 'kubelet-'));
});

afterAll(async () => {
  await client.close();
  await server.close();
  await rm(folder, { recursive: true });
});

/** A kubelet in a process of its own, so that it can be killed; SIGTERM stops it in good order. */
function startKubelet(): { process: ChildProcess; stop(signal: NodeJS.Signals): Promise<unknown> } {
  const url = (path: string) => JSON.stringify(new URL(path, import.meta.url).href);
  const { url: api, token, caCertificate } = server;
  const program = `
    import { systemClock } from ${url('../../core/clock.ts')};
    import { createLogger } from ${url('../../core/logger.ts')};
    import { InformerCache, KubeClient } from ${url('../../kube/index.ts')};
    import { ProcessKubelet } from ${url('./kubelet.ts')};
    const client = KubeClient.fromServer(${JSON.stringify({ url: api, token, caCertificate })});
    const informerCache = new InformerCache(client);
    const stop = new AbortController();
    process.once('SIGTERM', () => stop.abort());
    const kubelet = new ProcessKubelet({
      client, informerCache, stateDir: ${JSON.stringify(stateDir)}, nodeName: 'local', images: { node: [process.execPath] }, pathMap: {},
      logger: createLogger('kubelet', { level: 'error' }), clock: systemClock, backoff: { baseMs: 50, maxMs: 500, resetAfterMs: 600000 }, stopGraceMs: 1000,
    });
    await Promise.all([informerCache.run(stop.signal), kubelet.run(stop.signal)]);
    await client.close();`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['ignore', 'inherit', 'inherit'] });
  const exited = once(child, 'exit');
  onTestFinished(() => void child.kill('SIGKILL'));
  return {
    process: child,
    stop: async (signal) => {
      child.kill(signal);
      return (await exited)[0];
    },
  };
}

const note = () => join(stateDir, 'note');
const noted = () => readFile(note(), 'utf8').catch(() => '');
const write = (text: string) => `require('node:fs').writeFileSync(${JSON.stringify(note())}, '${text}');`;

/** Creates a pod that runs the script, and waits until it has. */
async function createPod(script: string): Promise<void> {
  const args = ['-e', `${script}; setInterval(() => {}, 1e6); ${write('up')}`];
  await create(ref, {
    restartPolicy: 'Always',
    containers: [{ name: 'main', image: 'node', args, ports: [{ name: 'http', containerPort: 80 }] }],
  });
  await expect.poll(noted, patience).toBe('up');
  await expect.poll(container, patience).toMatchObject({ ready: true });
}

async function create(where: typeof ref, spec: PodSpec): Promise<void> {
  await client.create(pods, { metadata: where, spec: { terminationGracePeriodSeconds: 1, ...spec } });
  onTestFinished(async () => {
    await client.delete(pods, where, { gracePeriodSeconds: 0 }).catch((error: unknown) => {
      if (!isNotFound(error)) throw error;
    });
  });
}

const read = (where = ref): Promise<Pod> => client.get(pods, where);
const container = async () => (await read()).status?.containerStatuses?.[0];
const pidOf = (id: string | undefined): number => Number(/process:\/\/(\d+)-/.exec(id ?? '')?.[1]);
const ports = async () => (await read()).metadata.annotations?.['modelfleet.dev/ports'];
const ignoresSigterm = 'process.on("SIGTERM", () => {})';

test('ends every process when it stops, keeps the pods, and runs them again', async () => {
  const first = startKubelet();
  await createPod(ignoresSigterm);
  const [pid, given] = [pidOf((await container())?.containerID), await ports()];

  expect(await first.stop('SIGTERM')).toBe(0);
  expect(await identify(pid)).toBeUndefined();
  expect((await read()).status).toMatchObject({
    phase: 'Running',
    containerStatuses: [{ ready: false, state: { terminated: { exitCode: 137 } } }],
  });
  const node = await client.get(nodes, { name: 'local' });
  expect(node.status?.conditions).toContainEqual(expect.objectContaining({ type: 'Ready', status: 'False' }));

  const second = startKubelet();
  await expect.poll(container, patience).toMatchObject({ ready: true, restartCount: 1, lastState: { terminated: { exitCode: 137 } } });
  expect(await ports()).toBe(given);
  await second.stop('SIGTERM');
});

test('leaves no process behind when it is killed, and counts what ran as restarted', async () => {
  const first = startKubelet();
  const once = { namespace: 'default', name: 'once' };
  await create(once, { restartPolicy: 'Never', containers: [{ name: 'main', image: 'node', args: ['-e', 'setInterval(() => {}, 1e6)'] }] });
  await createPod(ignoresSigterm);
  const pid = pidOf((await container())?.containerID);

  await first.stop('SIGKILL');
  await expect.poll(() => identify(pid), patience).toBeUndefined();
  expect(await container()).toMatchObject({ ready: true, containerID: expect.stringContaining(String(pid)) }); // nobody was left to say otherwise

  const second = startKubelet();
  await expect.poll(container, patience).toMatchObject({
    restartCount: 1,
    state: { running: {} },
    lastState: { terminated: { exitCode: 137, reason: 'ContainerStatusUnknown' } },
  });
  expect(pidOf((await container())?.containerID)).not.toBe(pid);
  await expect.poll(async () => (await read(once)).status?.phase, patience).toBe('Failed'); // it may not restart
  await second.stop('SIGTERM');
});

test('lets a container see the end of its kubelet, and confirms its deletion later', async () => {
  const first = startKubelet();
  const pipe = "new (require('node:net').Socket)({ fd: Number(process.env.MODELFLEET_PARENT_FD) })";
  await createPod(`${ignoresSigterm}; ${pipe}.on('close', () => { ${write('parent gone')} process.exit(0) }).resume()`);
  await first.stop('SIGKILL');
  await expect.poll(noted, patience).toBe('parent gone');
  await client.delete(pods, ref);
  expect((await read()).metadata.deletionTimestamp).toBeDefined();

  const second = startKubelet();
  await expect
    .poll(
      () =>
        read().then(
          () => 'there',
          () => 'gone',
        ),
      patience,
    )
    .toBe('gone');
  await second.stop('SIGTERM');
});

test('stops in bounded time when the API does not take its last words', async () => {
  const first = startKubelet();
  await createPod('');
  const pid = pidOf((await container())?.containerID);
  server.faults.next({ verb: 'patch' }, { kind: 'fail', status: 503 }, 1_000);
  onTestFinished(() => server.faults.clear());
  expect(await first.stop('SIGTERM')).toBe(0);
  expect(await identify(pid)).toBeUndefined();
  server.faults.clear();
});
