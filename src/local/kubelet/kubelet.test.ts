import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Container, PodSpec } from 'kubernetes-types/core/v1.d.ts';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../core/clock.ts';
import { silentLogger } from '../../core/logger.ts';
import { configMaps, events, InformerCache, isNotFound, KubeClient, nodes, type Pod, pods, secrets } from '../../kube/index.ts';
import { type RunningApiServer, startApiServer } from '../apiserver/server.ts';
import { identify } from '../process-identity.ts';
import { ProcessKubelet, type ProcessKubeletOptions } from './kubelet.ts';
import { PortAllocator } from './ports.ts';

const namespace = 'default';
const patience = { timeout: 15_000, interval: 20 };
const backoff = { baseMs: 100, maxMs: 1_000, resetAfterMs: 600_000 };

let folder: string;
let server: RunningApiServer;
let client: KubeClient;
let kubelet: ProcessKubelet;
let stopKubelet: () => Promise<void>;

async function startKubelet(stateDir: string, more: Partial<ProcessKubeletOptions> = {}) {
  const stop = new AbortController();
  const informerCache = new InformerCache(client);
  const started = new ProcessKubelet({
    ...{ client, informerCache, stateDir, backoff, nodeName: 'local', images: { node: [process.execPath] } },
    ...{ pathMap: { '/models': '/real/models' }, logger: silentLogger, clock: systemClock, stopGraceMs: 2_000 },
    ...more,
  });
  const running = Promise.all([informerCache.run(stop.signal), started.run(stop.signal)]);
  running.catch(() => undefined); // told by whoever awaits the stop
  return {
    kubelet: started,
    stop: async () => {
      stop.abort();
      await running;
    },
  };
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mf-kubelet-'));
  server = await startApiServer({ stateDir: join(folder, 'api'), logger: silentLogger });
  client = KubeClient.fromServer(server);
  ({ kubelet, stop: stopKubelet } = await startKubelet(join(folder, 'kubelet')));
});

afterAll(async () => {
  await stopKubelet();
  await client.close();
  await server.close();
  await rm(folder, { recursive: true });
});

/** A container that runs a script of Node. */
const script = (source: string, fields: Partial<Container> = {}): Container => ({
  ...{ name: 'main', image: 'node', args: ['-e', source], terminationMessagePolicy: 'FallbackToLogsOnError' },
  ...fields,
});

const forever = 'setInterval(() => {}, 1e6);';
/** Answers probes on the management port with the status that POST /status/N has set; 200 first. */
const serverScript = `let status = 200;
  require('node:http').createServer((request, response) => {
    if (request.method === 'POST') { if (request.url === '/exit') process.exit(1); status = Number(request.url.slice(1)); }
    response.writeHead(status).end(JSON.stringify(process.env));
  }).listen(process.env.MODELFLEET_PORT_MANAGEMENT, process.env.MODELFLEET_HOST);`;

async function run(name: string, spec: Container | PodSpec): Promise<void> {
  const metadata = { name, namespace, labels: { app: name } };
  await client.create(pods, { metadata, spec: 'containers' in spec ? spec : { containers: [spec], terminationGracePeriodSeconds: 1 } });
  onTestFinished(async () => {
    await client.delete(pods, { namespace, name }, { gracePeriodSeconds: 1 }).catch(ignoreNotFound);
    await removed(name);
  });
}

function ignoreNotFound(error: unknown): undefined {
  if (!isNotFound(error)) throw error;
  return undefined;
}

const read = (name: string): Promise<Pod | undefined> => client.get(pods, { namespace, name }).catch(ignoreNotFound);
const removed = (name: string) => expect.poll(() => read(name), patience).toBeUndefined();
const status = (name: string) => expect.poll(async () => (await read(name))?.status, patience);
const statusOf = async (name: string) => (await read(name))?.status?.containerStatuses?.[0];
const readiness = async (name: string) => (await read(name))?.status?.conditions?.find(({ type }) => type === 'Ready')?.status;
const reasons = async (name: string) => {
  const { items } = await client.list(events, { namespace, fieldSelector: `involvedObject.name=${name}` });
  return items.map(({ reason }) => reason);
};
const pidOf = async (name: string): Promise<number> => Number(/process:\/\/(\d+)-/.exec((await statusOf(name))?.containerID ?? '')?.[1]);
const processGone = (pid: number) => expect.poll(() => identify(pid), patience).toBeUndefined();

async function logs(
  pod: string,
  options: { previous?: boolean; follow?: boolean; timestamps?: boolean; tailLines?: number } = {},
): Promise<string> {
  const log = await kubelet.open(
    { namespace, pod },
    { follow: false, previous: false, timestamps: false, ...options },
    new AbortController().signal,
  );
  let text = '';
  for await (const chunk of log) text += Buffer.from(chunk).toString();
  return text;
}

async function portsOf(name: string): Promise<Record<string, number>> {
  return JSON.parse((await read(name))?.metadata.annotations?.['modelfleet.dev/ports'] ?? '{}');
}

async function call(name: string, method: 'GET' | 'POST', path: string): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${(await portsOf(name)).management}${path}`, { method });
  return response.text();
}

test('registers its node with what the machine has', async () => {
  await expect.poll(() => client.get(nodes, { name: 'local' }).catch(ignoreNotFound), patience).toHaveProperty('status.conditions');
  const node = await client.get(nodes, { name: 'local' });
  expect(node.status?.conditions).toContainEqual(expect.objectContaining({ type: 'Ready', status: 'True' }));
  expect(Number(node.status?.capacity?.cpu)).toBeGreaterThan(0);
  expect(node.status?.capacity?.memory).toMatch(/^[0-9]+Ki$/);
});

test('runs a pod that serves, and tells its real ports before it starts', async () => {
  const ports = [
    { name: 'http', containerPort: 8000 },
    { name: 'management', containerPort: 9090 },
  ];
  const readinessProbe = { httpGet: { port: 'management', path: '/' }, periodSeconds: 1, failureThreshold: 1 };
  await run(
    'web',
    script(serverScript, { ports, readinessProbe, env: [{ name: 'NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }] }),
  );
  await expect.poll(() => readiness('web'), patience).toBe('True');
  expect((await read('web'))?.status).toMatchObject({ phase: 'Running', podIP: '127.0.0.1', hostIP: '127.0.0.1', qosClass: 'BestEffort' });
  const given = await portsOf('web');
  const environment = JSON.parse(await call('web', 'GET', '/'));
  expect(environment).toMatchObject({
    ...{ NAME: 'web', MODELFLEET_HOST: '127.0.0.1', MODELFLEET_PATH_MAP: '{"/models":"/real/models"}', MODELFLEET_PARENT_FD: '3' },
    ...{ MODELFLEET_PORT_HTTP: String(given.http), MODELFLEET_PORT_MANAGEMENT: String(given.management) },
  });
  await expect.poll(() => reasons('web'), patience).toEqual(expect.arrayContaining(['Scheduled', 'Pulled', 'Created', 'Started']));

  await call('web', 'POST', '/503').catch(() => undefined);
  await expect.poll(() => readiness('web'), patience).toBe('False');
  await call('web', 'POST', '/200').catch(() => undefined);
  await expect.poll(() => readiness('web'), patience).toBe('True');
  expect((await statusOf('web'))?.restartCount).toBe(0);
});

test('restarts a container whose liveness probe fails, with the same ports', async () => {
  const livenessProbe = { httpGet: { port: 'management', path: '/' }, periodSeconds: 1, failureThreshold: 1, initialDelaySeconds: 1 };
  await run('wedged', script(serverScript, { ports: [{ name: 'management', containerPort: 9090 }], livenessProbe }));
  await status('wedged').toMatchObject({ phase: 'Running' });
  const before = await portsOf('wedged');
  await expect.poll(() => call('wedged', 'POST', '/500').catch(() => 'not up'), patience).not.toBe('not up');
  await expect.poll(() => statusOf('wedged'), patience).toMatchObject({ restartCount: 1, state: { running: {} } });
  expect((await statusOf('wedged'))?.lastState?.terminated).toMatchObject({ exitCode: 143, signal: 15, reason: 'Error' });
  expect(await portsOf('wedged')).toEqual(before);
  await expect.poll(() => reasons('wedged'), patience).toEqual(expect.arrayContaining(['Unhealthy', 'Killing']));
});

test('restarts a container that crashes with growing delays, and keeps its last words', async () => {
  await run('crash', script('console.error("out of luck"); process.exit(7)'));
  await expect
    .poll(() => statusOf('crash'), patience)
    .toMatchObject({ restartCount: 3, state: { waiting: { reason: 'CrashLoopBackOff' } } });
  expect((await statusOf('crash'))?.lastState?.terminated).toMatchObject({ exitCode: 7, reason: 'Error', message: 'out of luck' });
  expect(await reasons('crash')).toContain('BackOff');
  expect(await logs('crash', { previous: true })).toBe('out of luck\n');
});

test.each<[string, string, string, number, string]>([
  ['job-done', 'Never', 'Succeeded', 0, 'Completed'],
  ['job-failed', 'Never', 'Failed', 3, 'Error'],
  ['job-on-failure', 'OnFailure', 'Succeeded', 0, 'Completed'],
])('ends a pod: %s', async (name, restartPolicy, phase, exitCode, reason) => {
  await run(name, { restartPolicy, containers: [script(`process.exit(${exitCode})`)] });
  await status(name).toMatchObject({ phase, containerStatuses: [{ restartCount: 0, state: { terminated: { exitCode, reason } } }] });
});

test('runs init containers first, one by one, and shares an emptyDir', async () => {
  const mounts = { volumeMounts: [{ name: 'work', mountPath: '/work' }] };
  const append = (word: string) =>
    `require('node:fs').appendFileSync(JSON.parse(process.env.MODELFLEET_PATH_MAP)['/work'] + '/words', '${word} ')`;
  await run('staged', {
    volumes: [{ name: 'work', emptyDir: {} }],
    initContainers: [script(append('one'), { name: 'one', ...mounts }), script(append('two'), { name: 'two', ...mounts })],
    containers: [
      script(
        `console.log(require('node:fs').readFileSync(JSON.parse(process.env.MODELFLEET_PATH_MAP)['/work'] + '/words', 'utf8'))`,
        mounts,
      ),
    ],
    restartPolicy: 'Never',
  });
  await status('staged').toMatchObject({ phase: 'Succeeded', initContainerStatuses: [{ ready: true }, { ready: true }] });
  expect(await logs('staged')).toBe('one two \n');
});

describe('a container that cannot start', () => {
  test('names the images that local mode knows', async () => {
    await run('unknown', { containers: [{ name: 'main', image: 'nginx' }] });
    await expect
      .poll(() => statusOf('unknown'), patience)
      .toMatchObject({ state: { waiting: { reason: 'ErrImageNeverPull', message: expect.stringMatching(/nginx.*node/) } } });
  });

  test('waits for its secret, and starts when that is there', async () => {
    const env = [{ name: 'TOKEN', valueFrom: { secretKeyRef: { name: 'late', key: 'token' } } }];
    const envFrom = [{ configMapRef: { name: 'late' } }];
    await client.create(configMaps, { metadata: { name: 'late', namespace }, data: { COLOUR: 'blue' } });
    await run('secretive', script(`console.log(process.env.TOKEN, process.env.COLOUR); ${forever}`, { env, envFrom }));
    await expect
      .poll(() => statusOf('secretive'), patience)
      .toMatchObject({
        state: { waiting: { reason: 'CreateContainerConfigError', message: 'secret "late" not found' } },
      });
    await client.create(secrets, { metadata: { name: 'late', namespace }, data: { token: Buffer.from('abc').toString('base64') } });
    await expect.poll(() => logs('secretive').catch(() => ''), patience).toBe('abc blue\n');
  });

  test('tells a program that is not there as a runtime does', async () => {
    await run('missing', { containers: [{ name: 'main', image: 'none', command: ['/no/such/program'] }], restartPolicy: 'Never' });
    await status('missing').toMatchObject({
      phase: 'Failed',
      containerStatuses: [{ state: { terminated: { exitCode: 128, reason: 'StartError' } } }],
    });
  });

  test('is refused when it asks for a device that the machine does not have', async () => {
    await run('devices', script(forever, { resources: { limits: { 'example.com/device': '1' } } }));
    await expect
      .poll(async () => (await read('devices'))?.status?.conditions, patience)
      .toContainEqual(expect.objectContaining({ type: 'PodScheduled', status: 'False', reason: 'Unschedulable' }));
  });
});

describe('deletion', () => {
  test('gives a pod its grace to end, and removes it with its folder', async () => {
    await run('polite', {
      terminationGracePeriodSeconds: 60,
      containers: [script(`process.on('SIGTERM', () => process.exit(0)); console.log('up'); ${forever}`)],
    });
    await expect.poll(() => logs('polite').catch(() => ''), patience).toBe('up\n');
    const pid = await pidOf('polite');
    const uid = (await read('polite'))?.metadata.uid ?? '';
    await client.delete(pods, { namespace, name: 'polite' });
    await removed('polite');
    expect(await identify(pid)).toBeUndefined();
    await expect.poll(() => readdir(join(folder, 'kubelet', 'pods')), patience).not.toContain(uid);
  });

  test('kills a pod that ignores SIGTERM, and is not ready meanwhile', async () => {
    await run('stubborn', {
      terminationGracePeriodSeconds: 1,
      containers: [script(`process.on('SIGTERM', () => console.log('no')); console.log('up'); ${forever}`)],
    });
    await expect.poll(() => logs('stubborn').catch(() => ''), patience).toBe('up\n');
    const pid = await pidOf('stubborn');
    await client.delete(pods, { namespace, name: 'stubborn' });
    await expect.poll(() => readiness('stubborn'), patience).toBe('False');
    await removed('stubborn');
    expect(await identify(pid)).toBeUndefined();
  });

  test('keeps the object of an ended pod while a finalizer holds it', async () => {
    await client.create(pods, {
      metadata: { name: 'held', namespace, finalizers: ['test/hold'] },
      spec: { containers: [script(forever)], terminationGracePeriodSeconds: 1 },
    });
    await status('held').toMatchObject({ phase: 'Running' });
    await client.delete(pods, { namespace, name: 'held' });
    await status('held').toMatchObject({ phase: 'Failed', containerStatuses: [{ state: { terminated: { exitCode: 143 } } }] });
    await client.mergePatch(pods, { namespace, name: 'held' }, { metadata: { finalizers: null } });
    await removed('held');
  });

  test('ends the processes of an object that was removed by force', async () => {
    await run('forced', script(`console.log('up'); ${forever}`));
    await expect.poll(() => logs('forced').catch(() => ''), patience).toBe('up\n');
    const pid = await pidOf('forced');
    await client.delete(pods, { namespace, name: 'forced' }, { gracePeriodSeconds: 0 });
    await processGone(pid);
  });

  test('removes a pod that is deleted at once after it was made', async () => {
    await client.create(pods, {
      metadata: { name: 'brief', namespace },
      spec: { containers: [script(forever)], terminationGracePeriodSeconds: 1 },
    });
    await client.delete(pods, { namespace, name: 'brief' });
    await removed('brief');
  });
});

describe('logs', () => {
  test('are followed until the container ends', async () => {
    await run('talker', {
      restartPolicy: 'Never',
      containers: [script(`let n = 0; setInterval(() => { console.log('line', n++); if (n === 5) process.exit() }, 20)`)],
    });
    await expect.poll(() => logs('talker', { follow: true }).catch(() => ''), patience).toBe('line 0\nline 1\nline 2\nline 3\nline 4\n');
    expect(await logs('talker', { tailLines: 1, timestamps: true })).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z line 4\n$/);
  });

  test('say why there are none', async () => {
    await run('quiet', { containers: [{ name: 'main', image: 'nginx' }] });
    await expect.poll(() => statusOf('quiet'), patience).toMatchObject({ state: { waiting: { reason: 'ErrImageNeverPull' } } });
    await expect(logs('quiet')).rejects.toThrow('container "main" in pod "quiet" is waiting to start: ErrImageNeverPull');
    await expect(logs('quiet', { previous: true })).rejects.toThrow('previous terminated container "main" in pod "quiet" not found');
    await expect(logs('none')).rejects.toThrow('pod none does not have a host assigned');
  });
});

describe('an API server that misbehaves', () => {
  const statusWrites = { verb: 'patch', resource: 'pods', subresource: 'status' } as const;

  test.each([
    { kind: 'fail', status: 409 },
    { kind: 'fail', status: 500 },
    { kind: 'cut', afterEffect: true },
  ] as const)('loses no status: %j', async (fault) => {
    server.faults.next(statusWrites, fault, 2);
    await run('lossy', { restartPolicy: 'Never', containers: [script('process.exit(4)')] });
    await status('lossy').toMatchObject({ phase: 'Failed', containerStatuses: [{ state: { terminated: { exitCode: 4 } } }] });
  });

  test('binds and removes a pod in the end', async () => {
    server.faults.next({ verb: 'patch', resource: 'pods', name: 'late' }, { kind: 'fail', status: 500 });
    await run('late', script(`console.log('up'); ${forever}`));
    await expect.poll(() => logs('late').catch(() => ''), patience).toBe('up\n');
    await client.delete(pods, { namespace, name: 'late' });
    server.faults.next({ verb: 'delete', resource: 'pods', name: 'late' }, { kind: 'fail', status: 409 });
    await removed('late');
  });

  test('does not hide what happened while a watch was cut', async () => {
    await run('unseen', script(`console.log('up'); ${forever}`));
    await expect.poll(() => logs('unseen').catch(() => ''), patience).toBe('up\n');
    const pid = await pidOf('unseen');
    server.faults.cutWatches({ resource: 'pods' });
    await client.delete(pods, { namespace, name: 'unseen' }, { gracePeriodSeconds: 0 });
    await processGone(pid);
  });
});

test('runs the preStop hook before it asks a container to end, within its grace', async () => {
  const file = join(folder, 'ends');
  const note = (word: string) => `require('node:fs').appendFileSync(${JSON.stringify(file)}, '${word} ')`;
  const lifecycle = { preStop: { exec: { command: [process.execPath, '-e', note('hook')] } } };
  const polite = `process.on('SIGTERM', () => { ${note('term')}; process.exit(0); }); console.log('up'); ${forever}`;
  await run('polite', { containers: [script(polite, { lifecycle })], terminationGracePeriodSeconds: 30 });
  await expect.poll(() => logs('polite').catch(() => ''), patience).toBe('up\n');
  await client.delete(pods, { namespace, name: 'polite' });
  await removed('polite');
  expect(await readFile(file, 'utf8')).toBe('hook term ');

  const endless = { preStop: { sleep: { seconds: 3_600 } } };
  await run('endless', { containers: [script(forever, { lifecycle: endless })], terminationGracePeriodSeconds: 1 });
  await status('endless').toMatchObject({ phase: 'Running' });
  await client.delete(pods, { namespace, name: 'endless' });
  await removed('endless');
});

test('as one of several nodes it runs what is bound to it, leaves the rest to others, and often says that it is alive', async () => {
  const amongOthers = { ports: new PortAllocator(), heartbeatMs: 100 };
  const other = await startKubelet(join(folder, 'other'), { nodeName: 'other', amongOthers });
  try {
    const ready = async () => (await client.get(nodes, { name: 'other' })).status?.conditions?.find(({ type }) => type === 'Ready');
    await expect.poll(ready, patience).toMatchObject({ status: 'True' });
    const since = (await ready())?.lastHeartbeatTime;
    await run('bound', { nodeName: 'other', containers: [script(forever)], terminationGracePeriodSeconds: 1 });
    await run('unbound', script(forever));
    await status('bound').toMatchObject({ phase: 'Running' });
    await status('unbound').toMatchObject({ phase: 'Running' });
    expect((await read('unbound'))?.spec?.nodeName).toBe('local');
    expect(await readdir(join(folder, 'other', 'pods'))).toEqual([(await read('bound'))?.metadata.uid]);
    await expect.poll(async () => (await ready())?.lastHeartbeatTime, patience).not.toBe(since);
  } finally {
    await other.stop();
    await client.delete(pods, { namespace, name: 'bound' }, { gracePeriodSeconds: 0 });
  }
});
